//! Tables of the performance schema.

pub(super) mod eventsstatements;
pub(super) mod eventsstatementssum;
pub(super) mod eventswaits;
pub(super) mod file_events;
pub(super) mod file_instances;
pub(super) mod indexiowaits;
pub(super) mod memory_events;
pub(super) mod replication_applier_status_by_worker;
pub(super) mod replication_group_member_stats;
pub(super) mod replication_group_members;
pub(super) mod tableiowaits;
pub(super) mod tablelocks;
