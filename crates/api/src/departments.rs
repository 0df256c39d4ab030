//! How departments do, and how service levels are met.

use std::{collections::BTreeMap, time::Duration};

use throughline_clickhouse::questions::{StoredLevel, StoredPart, StoredWork};

use crate::{
    ApiError,
    limits::{KPIS_MOST, SINCE},
    query::{DepartmentKpi, Kpis, KpisRequest, TypeLevel},
    questions::{Questions, since, whole_minute},
};

impl Questions {
    /// Figures of departments and of types with a service level.
    ///
    /// # Errors
    /// Where the question makes no sense, or the store does not answer.
    pub async fn kpis(&self, request: &KpisRequest) -> Result<Kpis, ApiError> {
        let window = match request.since_seconds {
            0 => SINCE,
            seconds => Duration::from_secs(seconds),
        };
        if window > KPIS_MOST {
            let most = KPIS_MOST.as_secs();
            return Err(ApiError::Invalid(format!(
                "since_seconds is {}, at most {most} are possible",
                request.since_seconds
            )));
        }
        let (tenant, kind, from) = (&request.tenant, &request.r#type, whole_minute(since(window)));
        let (work, parts, levels) = tokio::try_join!(
            self.store.work(tenant, kind, from),
            self.store.parts(tenant, kind, from),
            self.store.levels(tenant, kind, from)
        )?;
        let mut departments = departments(work, parts);
        departments.retain(|of| request.department.is_empty() || of.department == request.department);
        Ok(Kpis { departments, levels: levels.into_iter().map(level).collect() })
    }
}

fn departments(work: Vec<StoredWork>, parts: Vec<StoredPart>) -> Vec<DepartmentKpi> {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let all: u64 = work.iter().map(|of| count(of.critical)).sum();
    let mut parts: BTreeMap<String, StoredPart> =
        parts.into_iter().map(|part| (part.department.clone(), part)).collect();
    let kpi = |of: StoredWork| {
        let part = parts.remove(&of.department).unwrap_or_default();
        let good = part.with_level.saturating_sub(part.missed);
        DepartmentKpi {
            transactions: part.transactions,
            failed: part.failed,
            calls: count(of.calls),
            errors: count(of.errors),
            services: of.services,
            critical: count(of.critical),
            critical_share: count(of.critical) as f64 / all.max(1) as f64,
            p50: part.p50 as u64,
            p95: part.p95 as u64,
            with_level: part.with_level,
            missed: part.missed,
            attainment: share(good, part.with_level),
            department: of.department,
        }
    };
    work.into_iter().map(kpi).collect()
}

/// All of nothing is good.
fn share(good: u64, of: u64) -> f64 {
    if of == 0 { 1.0 } else { good as f64 / of as f64 }
}

fn level(of: StoredLevel) -> TypeLevel {
    let attainment = share(of.good, of.transactions);
    let burn_rate = match (of.good == of.transactions, of.objective >= 1.0) {
        (true, _) => 0.0,
        (false, true) => -1.0,
        (false, false) => (1.0 - attainment) / (1.0 - of.objective),
    };
    TypeLevel {
        r#type: of.kind,
        latency: of.latency,
        objective: of.objective,
        transactions: of.transactions,
        good: of.good,
        attainment,
        burn_rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_has_its_share_and_its_misses() {
        let work = |department: &str, critical| StoredWork {
            department: department.to_owned(),
            calls: 10,
            critical,
            ..StoredWork::default()
        };
        let part = StoredPart {
            department: "payments".to_owned(),
            transactions: 100,
            with_level: 50,
            missed: 5,
            ..StoredPart::default()
        };
        let made = departments(vec![work("payments", 75), work("core", 25)], vec![part]);
        assert_eq!((made[0].critical_share, made[0].attainment, made[0].transactions), (0.75, 0.9, 100));
        assert_eq!(
            (made[1].critical_share, made[1].attainment),
            (0.25, 1.0),
            "nothing with a level, nothing missed"
        );
    }

    #[test]
    fn a_budget_burns_as_fast_as_it_is_missed() {
        let of = |good, objective| {
            level(StoredLevel { transactions: 100, good, objective, ..StoredLevel::default() }).burn_rate
        };
        assert!((of(98, 0.99) - 2.0).abs() < 1e-9);
        assert_eq!((of(100, 1.0), of(99, 1.0)), (0.0, -1.0));
    }
}
