import type { Clock } from "../../base/clock.ts";
import type { Device } from "../../domain/device.ts";
import type { Run } from "../../domain/run.ts";
import type { Handle } from "../../engines/engine.ts";
import type { ResourceMeter, ResourceUsage } from "../../engines/resource-meter.ts";
import type { MetricPoint } from "../../metrics/metric-record.ts";
import type { Companion } from "../run/companion.ts";
import type { MetricsWatch } from "./metrics-watch.ts";

const SAMPLE_MS = 10_000;
/** A run that ends sooner has no curve to show. */
const FIRST_SAMPLE_MS = 2000;

/** What a GPU does, whoever uses it. */
export interface GpuState {
  readonly utilisation: number | null;
  readonly memoryBytes: number | null;
  readonly powerWatts: number | null;
}

export interface ResourceParts {
  readonly clock: Clock;
  readonly meter: ResourceMeter;
  readonly devices: readonly Device[];
  /** Of every GPU of the machine, by UUID. */
  readGpus(): Promise<ReadonlyMap<string, GpuState>>;
}

/** Curves of what a run's processes use, under `system/`, beside those of the program's own metrics. */
export function resourcesWatch(parts: ResourceParts, watch: Pick<MetricsWatch, "addSamples">): Companion {
  const { clock } = parts;
  const gpus = new SharedGpus(parts);
  return {
    name: "resource curves",
    async accompany(run, over) {
      let before: Sample | null = null;
      for (let pauseMs = FIRST_SAMPLE_MS; ; pauseMs = SAMPLE_MS) {
        await clock.sleep(pauseMs, over).catch(() => undefined);
        if (over.aborted) return;
        const usages = (await Promise.all(run.handles.map(async (handle) => usageOf(parts.meter, handle)))).filter(
          (usage) => usage !== null,
        );
        if (usages.length === 0) continue;
        const sample = { atMs: clock.monotonicMs(), cpuSeconds: total(usages, ({ cpuSeconds }) => cpuSeconds) };
        const granted = usages.flatMap((usage) => usage.gpus);
        const values = { ...valuesOf(usages, sample, before), ...(await gpus.valuesOf(granted)) };
        before = sample;
        watch.addSamples(run.id, pointsOf(values, run, clock.now()));
      }
    },
  };
}

interface Sample {
  readonly atMs: number;
  readonly cpuSeconds: number;
}

async function usageOf(meter: ResourceMeter, handle: Handle): Promise<ResourceUsage | null> {
  // A learner that ends while it is looked at is no news here.
  return meter.usageOf(handle).catch(() => null);
}

function valuesOf(
  usages: readonly ResourceUsage[],
  sample: Sample,
  before: Sample | null,
): Readonly<Record<string, number | null>> {
  const hasDisk = usages.some(({ diskReadBytes }) => diskReadBytes !== null);
  const seconds = before === null ? 0 : (sample.atMs - before.atMs) / 1000;
  return {
    // Processes that ended take their time along where no control group keeps it.
    cpu_cores: before === null ? null : Math.max(0, sample.cpuSeconds - before.cpuSeconds) / seconds,
    memory_bytes: total(usages, ({ memoryBytes }) => memoryBytes),
    disk_read_bytes: hasDisk ? total(usages, ({ diskReadBytes }) => diskReadBytes ?? 0) : null,
    disk_written_bytes: hasDisk ? total(usages, ({ diskWrittenBytes }) => diskWrittenBytes ?? 0) : null,
  };
}

function total(usages: readonly ResourceUsage[], field: (usage: ResourceUsage) => number): number {
  return usages.reduce((sum, usage) => sum + field(usage), 0);
}

/** The step of a resource is the second of the run, so that runs can be laid over each other. */
function pointsOf(
  values: Readonly<Record<string, number | null>>,
  { startedAt }: Run,
  at: Date,
): readonly MetricPoint[] {
  const step = startedAt === null ? null : Math.max(0, Math.round((at.getTime() - startedAt.getTime()) / 1000));
  return Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [{ key: `system/${name}`, step, at, value }],
  );
}

/** One question to the driver for all runs. */
class SharedGpus {
  readonly #parts: ResourceParts;
  #asked: { readonly atMs: number; readonly states: Promise<ReadonlyMap<string, GpuState>> } | null = null;

  constructor(parts: ResourceParts) {
    this.#parts = parts;
  }

  async valuesOf(uuids: readonly string[]): Promise<Readonly<Record<string, number | null>>> {
    if (uuids.length === 0) return {};
    const now = this.#parts.clock.monotonicMs();
    if (this.#asked === null || now - this.#asked.atMs > SAMPLE_MS / 2) {
      this.#asked = { atMs: now, states: this.#parts.readGpus() };
    }
    const states = await this.#asked.states;
    const values: Record<string, number | null> = {};
    for (const uuid of uuids) {
      const state = states.get(uuid);
      const name = this.#parts.devices.find((device) => device.uuid === uuid)?.id ?? uuid;
      if (state === undefined) continue;
      values[`${name}/utilisation`] = state.utilisation;
      values[`${name}/memory_bytes`] = state.memoryBytes;
      values[`${name}/power_watts`] = state.powerWatts;
    }
    return values;
  }
}
