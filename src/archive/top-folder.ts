/**
 * Whether the one folder around everything in a ZIP stays when it is unpacked.
 *
 * People pack a folder from outside (`zip -r model.zip model`) and from inside, and mean the same: the code is in
 * the working folder. So the folder goes, unless the command says that it counts on it, by a path that begins with
 * the folder, by changing into it, or by running it as a Python package.
 */
export function commandNamesFolder(command: string, folder: string): boolean {
  const words = command
    .split(/[\s;&|()"'`=<>]+/)
    .map((word) => word.replace(/^(?:\.\/|\$MODEL_DIR\/|\$\{MODEL_DIR\}\/)+/, ""));
  return words.some((word, index) => {
    const before = words[index - 1];
    if (word.startsWith(`${folder}/`)) return true;
    if (before === "cd" || before === "pushd") return word === folder;
    if (before === "-m" || before === "-p") return word === folder || word.startsWith(`${folder}.`);
    return false;
  });
}
