export async function main(program: string, args: readonly string[]): Promise<void> {
  process.stdout.write(`${program} ${args.join(" ")} ${process.version}\n`);
}
