import type { TrainingSpec } from "../domain/training-spec.ts";
import { readAttemptWishes } from "./attempt-wishes.ts";
import { readCommand } from "./command.ts";
import { readSize, warnTypeIgnored } from "./device-sizes.ts";
import { CPU, readDeviceType } from "./device-type.ts";
import type { Places } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { WML } from "./known-fields.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { readMemory } from "./memory-size.ts";
import type { Place } from "./place.ts";
import { readMap } from "./read-map.ts";
import { readCount, readNumber, readText } from "./text-value.ts";
import { COMPUTE_CONFIGURATION, EXECUTION } from "./wml-fields.ts";

type Execution = Pick<
  TrainingSpec,
  "command" | "devices" | "learners" | "cpus" | "memoryBytes" | "deviceType" | "checkpoints" | "timeLimitMs" | "retries"
>;

/** What to run and on how much; null when something was reported. */
export function readExecution(place: Place | undefined, findings: Findings): Execution | null {
  const places = place === undefined ? null : readMap(place, EXECUTION, WML, findings);
  if (places === null) return null;
  const command = readCommand(places.command, findings);
  const compute = places.compute_configuration;
  const computePlaces = compute === undefined ? null : readMap(compute, COMPUTE_CONFIGURATION, WML, findings);
  const learners = readCount(computePlaces?.nodes, MANIFEST_LIMITS.learners, findings) ?? 1;
  const device = readDevices(places, computePlaces?.name, findings);
  const cpus = readNumber(places.cpus, { min: 0.001, max: MANIFEST_LIMITS.cpus }, findings);
  const memoryBytes = readMemory(places.memory, findings);
  const checkpoints = readCheckpoints(places.checkpoints, findings);
  const wishes = readAttemptWishes(places, findings);
  if (command === null || device === null) return null;
  return { command, ...device, learners, cpus, memoryBytes, checkpoints, ...wishes };
}

function readCheckpoints(place: Place | undefined, findings: Findings): TrainingSpec["checkpoints"] {
  const word = readText(place, { maxLength: MANIFEST_LIMITS.nameLength }, findings);
  if (place === undefined || word === null || word === "run") return "run";
  if (word !== "bucket") {
    const message = `'${place.path}' is neither 'run' nor 'bucket'.`;
    findings.problem("value_invalid", place, message, "Write run, or bucket to share CHECKPOINT_DIR with other runs.");
  }
  return "bucket";
}

/** One way of saying how many devices a learner gets. */
interface DeviceWish {
  readonly place: Place;
  readonly devices: number;
  readonly deviceType: string | null;
}

/** Null when something was reported. Several ways of saying the same are a warning where they agree. */
function readDevices(
  places: Places<"resource" | "devices" | "device_type">,
  name: Place | undefined,
  findings: Findings,
): Pick<TrainingSpec, "devices" | "deviceType"> | null {
  const wishes = [sizeAt(places.resource, findings), sizeAt(name, findings), countAt(places.devices, findings)];
  if (wishes.includes(null)) return null;
  const [first, ...others] = wishes.filter((wish) => wish !== undefined && wish !== null);
  for (const other of others) if (first !== undefined) reportTwice(first, other, findings);
  const devices = first?.devices ?? 1;
  const deviceType = wishes.find((wish) => wish?.deviceType !== null && wish !== undefined)?.deviceType ?? null;
  const named = readDeviceType(places.device_type, findings);
  if (places.device_type === undefined || named === null) return { devices, deviceType };
  if (deviceType !== null && deviceType !== named) {
    const message = `'${places.device_type.path}' is '${named}', and the size asks for '${deviceType}'.`;
    findings.problem("field_duplicated", places.device_type, message, "Keep the one that is right.");
    return null;
  }
  if (named !== CPU) warnTypeIgnored(places.device_type, named, devices, "Remove it, or leave it.", findings);
  return { devices, deviceType: named };
}

/** Undefined when absent, null when it was reported. */
function sizeAt(place: Place | undefined, findings: Findings): DeviceWish | null | undefined {
  if (place === undefined) return undefined;
  const size = readSize(place, findings);
  return size === null ? null : { place, ...size };
}

function countAt(place: Place | undefined, findings: Findings): DeviceWish | null | undefined {
  if (place === undefined) return undefined;
  const devices = readCount(place, MANIFEST_LIMITS.devices, findings);
  return devices === null ? null : { place, devices, deviceType: null };
}

function reportTwice(first: DeviceWish, other: DeviceWish, findings: Findings): void {
  const spot = { offset: other.place.keyOffset, path: other.place.path };
  const message = `'${other.place.path}' says the same thing as '${first.place.path}'`;
  const hint = "Keep one of the two.";
  if (first.devices === other.devices) findings.warning("field_duplicated", spot, `${message}.`, hint);
  else findings.problem("field_duplicated", spot, `${message}, with another number of devices.`, hint);
}
