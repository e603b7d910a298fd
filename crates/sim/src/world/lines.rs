//! The network between edges and regions: how far, and whether at all.

use crate::dice::Dice;
use crate::service::CONNECT_TIMEOUT;
use crate::shape::Shape;
use std::time::Duration;

/// Within a region.
const NEAR: Duration = Duration::from_micros(400);
/// To another one.
const FAR: Duration = Duration::from_millis(12);

/// All lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// By region: cut off from every edge, and from the hub.
    pub(crate) cut: Vec<bool>,
    /// By edge and region.
    pub(crate) cut_from: Vec<Vec<bool>>,
    /// By region: so much farther away than usual.
    pub(crate) farther: Vec<Duration>,
    /// By region: the share of connections that is lost, from 0 to 1.
    pub(crate) lossy: Vec<f64>,
    dice: Dice,
}

impl Lines {
    pub(crate) fn new(seed: u64, shape: &Shape) -> Self {
        let regions = shape.regions.len();
        Self {
            cut: vec![false; regions],
            cut_from: vec![vec![false; regions]; shape.edges.len()],
            farther: vec![Duration::ZERO; regions],
            lossy: vec![0.0; regions],
            dice: Dice::stream(seed, 4),
        }
    }

    /// How long one way from an edge to a replica takes.
    ///
    /// # Errors
    /// After how long the edge gives up, when there is no way.
    pub(crate) fn way(&mut self, shape: &Shape, edge: usize, replica: usize) -> Result<Duration, Duration> {
        let region = shape.replicas[replica].region;
        let lost = self.lossy[region] > 0.0 && self.dice.chance(self.lossy[region]);
        if lost || !self.reaches(edge, region) {
            return Err(CONNECT_TIMEOUT);
        }
        let base = if shape.edges[edge].1.is_none_or(|home| home == region) { NEAR } else { FAR };
        Ok(base + self.farther[region])
    }

    /// True while something can get through from an edge to a region.
    pub(crate) fn reaches(&self, edge: usize, region: usize) -> bool {
        !self.cut[region] && !self.cut_from[edge][region]
    }
}
