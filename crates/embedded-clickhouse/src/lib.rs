//! libchdb behind ClickHouse's HTTP interface.
