//! Shapes that were seen before: a small album of eight-note tunes.
//!
//! Picture somebody who hums the last eight notes and leafs through an album of tunes he knows. A tune much like one of them
//! is familiar, and the page is touched up a little; a tune like none of them is strange, and gets a page of its own in
//! place of the one that was not needed for the longest time. How strange is usual, the tail tells ([`super::tail`]).
//!
//! Source: adaptive resonance (Carpenter and Grossberg 1987), which ARTime (2022) brought to the top of NAB's board; the
//! left discord (Lu et al., KDD 2022) is the same question with all of the past as the album. Cost: 200 bytes; a look
//! through the album is 32 subtractions, once in `NOTE` points. Rejected: exact discords (all of the history),
//! twice the pages (128 bytes more, and on the labelled series no better), shorter and longer notes beside these (the same).

use super::tail::{STEADY, Tail};

/// Notes of a tune.
const NOTES: usize = 8;
/// Points whose mean is a note.
const NOTE: u32 = 8;
/// Pages of the album.
const PAGES: usize = 4;
/// A familiar tune changes its page by such a share.
const TOUCH: f32 = 0.2;
/// What the usual strangeness forgets with each tune.
const FORGETTING: f32 = 0.02;

/// The album, and the tune so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Memory {
    points: u32,
    sum: f32,
    tune: [f32; NOTES],
    pages: [[f32; NOTES]; PAGES],
    /// The pages that are written, the one needed last in front.
    order: [u8; PAGES],
    used: u8,
    tunes: u32,
    usual: f32,
    tail: Tail,
    last: f32,
}

impl Memory {
    /// How strange the last tune is; it stays so until the next note is complete.
    pub(super) fn see(&mut self, value: f32) -> f32 {
        self.sum += value;
        self.points = self.points.wrapping_add(1);
        if self.points.is_multiple_of(NOTE) {
            self.tune.rotate_left(1);
            self.tune[NOTES - 1] = self.sum / NOTE as f32;
            self.sum = 0.0;
            if self.points / NOTE >= NOTES as u32 {
                self.last = self.leaf();
            }
        }
        self.last
    }

    fn leaf(&mut self) -> f32 {
        self.tunes = self.tunes.saturating_add(1);
        let used = usize::from(self.used);
        let nearest = (0..used).map(|page| (self.distance(page), page)).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((distance, page)) = nearest else {
            self.write_new();
            return 0.0;
        };
        self.usual += FORGETTING.max(1.0 / self.tunes as f32) * (distance - self.usual);
        if used < PAGES {
            self.write_new();
        } else if distance <= self.usual {
            self.need(page);
            for (note, new) in self.pages[page].iter_mut().zip(self.tune) {
                *note += TOUCH * (new - *note);
            }
        } else {
            let oldest = usize::from(self.order[PAGES - 1]);
            self.pages[oldest] = self.tune;
            self.need(oldest);
        }
        self.tail.surprise(distance, &STEADY)
    }

    fn write_new(&mut self) {
        let page = usize::from(self.used);
        self.pages[page] = self.tune;
        self.order[page] = self.used;
        self.used += 1;
        self.need(page);
    }

    /// Puts a page in front.
    fn need(&mut self, page: usize) {
        let place = self.order.iter().position(|other| usize::from(*other) == page).unwrap_or(PAGES - 1);
        self.order[..=place].rotate_right(1);
    }

    fn distance(&self, page: usize) -> f32 {
        self.pages[page].iter().zip(self.tune).map(|(a, b)| (a - b).abs()).sum::<f32>() / NOTES as f32
    }
}
