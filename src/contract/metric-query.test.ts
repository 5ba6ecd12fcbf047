import { expect, test } from "vitest";
import { bestOf, parseMetricCondition, parseMetricOrder } from "./metric-query.ts";

test("conditions are ranges whose bounds belong to them", () => {
  expect(parseMetricCondition("loss<=0.5")).toEqual({ key: "loss", max: 0.5 });
  expect(parseMetricCondition("test/acc >= -1e3")).toEqual({ key: "test/acc", min: -1000 });
  expect(parseMetricCondition("loss=2")).toEqual({ key: "loss", min: 2, max: 2 });
  const { max = 1 } = parseMetricCondition("loss<0.5") ?? {};
  expect([max < 0.5, (max + 0.5) / 2 === max || (max + 0.5) / 2 === 0.5]).toEqual([true, true]);
  const { min = -2 } = parseMetricCondition("loss>-1") ?? {};
  expect([min > -1, min < -0.999]).toEqual([true, true]);
  expect(parseMetricCondition("x<0")?.max).toBe(-Number.MIN_VALUE);
  for (const text of ["loss", "<1", "loss<", "loss<x", "loss<NaN"]) expect(parseMetricCondition(text)).toBeNull();
});

test("an order begins with the best, unless it says otherwise", () => {
  expect(parseMetricOrder("metric:loss")).toEqual({ key: "loss", of: "min", order: "ascending" });
  expect(parseMetricOrder("metric:acc")).toEqual({ key: "acc", of: "max", order: "descending" });
  expect(parseMetricOrder("metric:acc:last:asc")).toEqual({ key: "acc", of: "last", order: "ascending" });
  for (const text of ["loss", "metric:", "name"]) expect(parseMetricOrder(text)).toBeNull();
  expect([bestOf("val_loss"), bestOf("top-1 error"), bestOf("auc")]).toEqual(["min", "min", "max"]);
});
