//! Tables of the information schema.

pub(super) mod auto_increment;
pub(super) mod innodb_cmp;
pub(super) mod innodb_cmpmem;
pub(super) mod innodb_metrics;
pub(super) mod innodb_tablespaces;
pub(super) mod processlist;
pub(super) mod query_response_time;
pub(super) mod rocksdb_perf_context;
mod scan;
pub(super) mod schemastats;
pub(super) mod tables;
pub(super) mod tablestats;
pub(super) mod user_statistics;
