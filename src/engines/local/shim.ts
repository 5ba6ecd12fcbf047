/**
 * The shim: the shell around every learner. It outlives the server, and what it leaves on disk is the only proof
 * of what happened.
 *
 *     spawn ── enters its enclosure ── claims attempt-N.pid ── banner ── bash -c COMMAND ── code into attempt-N.exit ── end
 *                                         │ taken: 75, nothing was run
 *                                         │ disk refuses: 74, nothing was run
 *
 * Arguments: the command, the banner, the beginning of its records' paths (`DIRECTORY/attempt-N`), the GPUs that it was granted and the place of its
 * enclosure (`process-tracker.ts`), each `-` for none, and the files that let a process into it: one, and one that counts its memory, each perhaps empty.
 * Descriptors: 1 is the training log opened for appending; 3 tells the server, by being closed, that the claim is decided.
 *
 * - It enters the enclosure before the claim, so that one whose attempt is claimed is never an empty one that somebody may remove. Where it is
 *   refused, the claim says that there is none.
 * - `set -C` makes the creation of the claim exclusive. Its line is complete only with the newline, so a reader can
 *   tell a claim that is being written from one that is there.
 * - The end record is made together with the claim, as one blank, and later overwritten in place (`1<>`): a program
 *   that has filled the disk can still be recorded as ended. It too counts only once it has its newline.
 * - A trap with a command, not an ignored signal: children get the default action back, and a signal to the whole
 *   group leaves the shim alive to write the record.
 * - The shell's own stderr is discarded, since shells announce there which child a signal has ended, and the log holds the
 *   program's bytes only. The program gets the log for both streams, in a subshell that becomes it: dash would
 *   redirect itself for the time of a plain command.
 * - Nothing but built-in commands, and only names of ours for variables, so that no variable of the program changes.
 *
 * The closing lines of the log are not written here: background processes may write on after the shim's end (`training-log.ts`).
 */
export const SHIM = `
trap : TERM INT HUP QUIT
exec 2>/dev/null
trainyard_enclosure=$5
[ -z "$6" ] || echo 0 >"$6" || trainyard_enclosure=-
[ -z "$7" ] || echo 0 >"$7"
set -C
{ true >"$3.pid"; } || exit 75
set +C
trainyard_claim() {
  printf '%s %s %s %s %s\\n' $$ "\${20}" "$trainyard_boot" "$trainyard_enclosure" "$trainyard_gpus" >"$trainyard_record.pid"
}
trainyard_record=$3
trainyard_gpus=$4
read -r trainyard_stat </proc/$$/stat
read -r trainyard_boot </proc/sys/kernel/random/boot_id
if ! { printf ' ' >"$3.exit" && trainyard_claim \${trainyard_stat#*) }; }; then
  rm -f "$3.pid" "$3.exit"
  exit 74
fi
exec 3>&-
printf %s "$2"
trainyard_shell=bash
if ! command -v bash >/dev/null; then
  trainyard_shell=/bin/sh
  printf 'bash was not found on the PATH; the command runs in /bin/sh.\\n'
fi
(exec "$trainyard_shell" -c -- "$1" 2>&1)
trainyard_code=$?
printf '%s\\n' "$trainyard_code" 1<>"$3.exit"
exit "$trainyard_code"
`;

/** What the learner's processes carry in their environment, so that one that left session and group is still known as ours. */
export const MARK_VARIABLE = "TRAINYARD_ATTEMPT_KEY";
