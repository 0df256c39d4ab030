//! Where a partition ends: what its last segment holds, up to what was being written when all ended.

use std::io;

use crate::{
    Damage,
    disk::{Disk, write_all},
    format::PAGE,
    segment::{Found, Segment},
};

/// The end of a segment, as found.
pub(crate) struct Ending {
    pub(crate) end: u64,
    /// What was being written there was not whole.
    pub(crate) torn: bool,
    /// Damage before the end. What lies after it is kept.
    pub(crate) damaged: Vec<Damage>,
    /// Where sound records end that are not kept; else the end.
    stale: u64,
}

impl Ending {
    /// What is not sound and has something sound after it is damage; what has not is a torn tail. The pages of a group that was being flushed when power
    /// went may have reached the disk in any order: with `made_again` nothing of the last group is kept from its first damage on.
    pub(crate) fn find(segment: &Segment, made_again: bool) -> Self {
        // By wall time of the record after it: a group is written at one time.
        let mut damaged: Vec<(Damage, u64)> = Vec::new();
        let (mut at, mut group) = (segment.base, None);
        loop {
            let next = match segment.find(at, u64::MAX) {
                Found::Sound(header) => {
                    let damage =
                        damaged.last_mut().filter(|(damage, _)| damage.position + damage.bytes == at);
                    damage.into_iter().for_each(|(_, after)| *after = header.wall_ns);
                    group = Some(header.wall_ns);
                    at += header.length as u64;
                    continue;
                }
                Found::BadBody(next) if matches!(segment.find(next, u64::MAX), Found::Sound(_)) => Some(next),
                Found::BadBody(_) | Found::Nothing => segment.resync(at, u64::MAX),
            };
            let Some(next) = next else { break };
            damaged.push((segment.damage(at, next), 0));
            at = next;
        }
        let in_last = |(_, after): &(Damage, u64)| made_again && Some(*after) == group;
        let cut = damaged.iter().position(in_last);
        let end = cut.map_or(at, |cut| damaged[cut].0.position);
        damaged.truncate(cut.unwrap_or(damaged.len()));
        let damaged = damaged.into_iter().map(|(damage, _)| damage).collect();
        Self { end, torn: cut.is_some() || is_torn(segment, at), damaged, stale: at }
    }

    /// Zeros over what is sound and not kept, durable: once something else lies before it, it would be taken for a part of the log.
    pub(crate) fn blank(&self, segment: &Segment, disk: &dyn Disk) -> io::Result<()> {
        const ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];
        let mut at = self.end;
        while at < self.stale {
            let bytes = PAGE.min(self.stale - at) as usize;
            write_all(disk, segment.file(), &mut [io::IoSlice::new(&ZEROS[..bytes])], segment.offset(at))?;
            at += bytes as u64;
        }
        if self.end < self.stale { disk.sync(segment.file()) } else { Ok(()) }
    }
}

/// Whether something of this generation was begun where the log ends: old bytes of the file, and zeros, are no torn tail.
fn is_torn(segment: &Segment, at: u64) -> bool {
    if matches!(segment.find(at, u64::MAX), Found::BadBody(_)) {
        return true;
    }
    let page_end = at + (PAGE - segment.offset(at) % PAGE) % PAGE;
    segment.text(at..page_end.min(segment.room_end())).iter().any(|byte| *byte != 0)
}
