// What the types must refuse: the compiler complains of a line below that is no error.

import type { Dashboard } from "./types";

const board = { schemaVersion: 42, templating: { list: [] } };
const target = { datasource: { type: "prometheus", uid: "prometheus" }, refId: "A" } as const;

export const accepted: Dashboard = {
  ...board,
  panels: [{ type: "stat", options: { graphMode: "area" }, targets: [{ ...target, expr: "up" }] }],
};

export const refused: Dashboard[] = [
  // @ts-expect-error: panels of this kind are gone since Grafana 12
  { ...board, panels: [{ type: "graph", options: {} }] },
  // @ts-expect-error: no such value
  { ...board, panels: [{ type: "stat", options: { graphMode: "bars" } }] },
  // @ts-expect-error: no such option
  { ...board, panels: [{ type: "stat", options: { sparkline: true } }] },
  // @ts-expect-error: a query without an expression
  { ...board, panels: [{ type: "stat", options: {}, targets: [target] }] },
  // @ts-expect-error: the mark of a file that waits for an import
  { ...board, panels: [], __inputs: [] },
];
