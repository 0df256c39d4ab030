//! What every request passes, whatever its transport: one middleware a file.

mod shed;
mod timing;

pub(crate) use shed::ShedLayer;
pub(crate) use timing::TimingLayer;
