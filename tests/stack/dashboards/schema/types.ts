// What a dashboard file may hold, from the types that Grafana publishes. Compiled once for each
// version of Grafana: `grafana` is then that version's @grafana/schema.

import type * as grafana from "grafana";
import type * as gauge from "grafana/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen";
import type * as logs from "grafana/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen";
import type * as stat from "grafana/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as table from "grafana/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "grafana/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// A file holds the values of string enums, not their names.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends (infer Item)[]
      ? Plain<Item>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// Not published as types: the queries of Prometheus and Loki.
interface Target {
  datasource: { type: "prometheus" | "loki"; uid: string };
  expr: string;
  refId: string;
  legendFormat?: string;
  format?: "table" | "time_series";
  instant?: boolean;
  range?: boolean;
  queryType?: "range" | "instant";
}

// Not published as types: the options of the list of alerts.
interface Alerts {
  alertInstanceLabelFilter: string;
  alertName: string;
  dashboardAlerts: boolean;
  datasource: string;
  groupBy: string[];
  groupMode: "default" | "custom";
  maxItems: number;
  sortOrder: 1 | 2 | 3 | 4 | 5;
  stateFilter: { error: boolean; firing: boolean; noData: boolean; normal: boolean; pending: boolean };
  viewMode: "list" | "stat";
}

type PanelOf<Type, Options, Custom> = Omit<grafana.Panel, "type" | "options" | "fieldConfig" | "targets"> & {
  type: Type;
  options: Partial<Options>;
  fieldConfig?: {
    defaults: Omit<grafana.FieldConfig, "custom"> & { custom?: Partial<Custom> };
    overrides: grafana.FieldConfigSource["overrides"];
  };
  targets?: Target[];
};

type AnyPanel =
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | PanelOf<"stat", stat.Options, never>
  | PanelOf<"gauge", gauge.Options, never>
  | PanelOf<"table", table.Options, table.FieldConfig>
  | PanelOf<"logs", logs.Options, never>
  | PanelOf<"alertlist", Alerts, never>
  | (Omit<grafana.RowPanel, "panels"> & { panels: [] });

// The generator writes the settings of interval variables into all variables.
type Variable = grafana.VariableModel & { auto?: boolean; auto_count?: number; auto_min?: string };

export type Dashboard = Plain<
  Omit<grafana.Dashboard, "panels" | "templating"> & { panels: AnyPanel[]; templating: { list: Variable[] } }
>;
