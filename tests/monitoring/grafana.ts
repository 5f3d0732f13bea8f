// What Grafana publishes of its dashboards, for what stands in JSON: there, an enumeration's member is
// its text. The dashboards themselves are appended by test_grafana.py.

import type { AnnotationQuery, Dashboard as AnyDashboard, DataQuery } from "@grafana/schema";
import type * as bargauge from "./node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as stat from "./node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as table from "./node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "./node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

// The data source's own part of a query, which the schema leaves open.
interface Query extends DataQuery {
  expr: string;
  legendFormat?: string;
  editorMode?: "code" | "builder";
  format?: "time_series" | "table" | "heatmap";
  instant?: boolean;
  range?: boolean;
  interval?: string;
}
interface Annotation extends AnnotationQuery<Query> {
  titleFormat?: string;
  textFormat?: string;
}
type Dashboard = Omit<AnyDashboard, "annotations"> & { annotations: { list: Annotation[] } };
