//! Horizontal bars, one below the other, with the spread of their rounds and lines for limits.

use std::path::Path;

use plotters::coord::ranged1d::{KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::figure::Spread;
use crate::failure::Failure;

const WIDTH: u32 = 960;
/// Where bars begin, and the room right of the axis's end for their values.
const LEFT: i32 = 190;
const RIGHT: i32 = 110;
const TOP: i32 = 82;
const BOTTOM: i32 = 58;
/// Where the legend begins, below the axis, and the width of one of its entries.
const LEGEND: i32 = 16;
const LEGEND_COLUMN: i32 = 86;
/// How far the axis's text makes room for it.
const AXIS_SHIFT: i32 = 110;
const ROW: i32 = 30;
const BAR: i32 = 20;

const INK: RGBColor = RGBColor(34, 34, 34);
const FAINT: RGBColor = RGBColor(222, 222, 222);
const WARNING: RGBColor = RGBColor(190, 30, 45);

/// Whose bar it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ours.
    Own,
    /// Another way to pack state.
    Other,
    /// Not packed at all.
    Unpacked,
    /// What bounds all of them.
    Limit,
}

impl Kind {
    fn color(self) -> RGBColor {
        match self {
            Self::Own => RGBColor(31, 98, 174),
            Self::Other => RGBColor(230, 145, 56),
            Self::Unpacked => RGBColor(214, 190, 150),
            Self::Limit => RGBColor(165, 165, 165),
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Own => "batcher",
            Self::Other => "other ways",
            Self::Unpacked => "not packed",
            Self::Limit => "limits",
        }
    }

    /// Whether the axis has to be long enough for it: what only counts bytes or copies them is far beyond all others.
    fn sets_the_scale(self) -> bool {
        matches!(self, Self::Own | Self::Other)
    }
}

/// One bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) spread: Spread,
}

/// A picture of bars, from top to bottom.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) axis: String,
    pub(super) bars: Vec<Bar>,
    /// Lines across all bars, with what they mean.
    pub(super) limits: Vec<(String, f64)>,
}

impl Bars {
    pub(super) fn draw(&self, file: &Path) -> Result<(), Failure> {
        let rows = i32::try_from(self.bars.len())?;
        let height = TOP + rows * ROW + BOTTOM;
        let root = SVGBackend::new(file, (WIDTH, u32::try_from(height)?)).into_drawing_area();
        root.fill(&WHITE)?;
        let scale = Scale { most: self.longest() };
        let (floor, text) = (TOP + rows * ROW, |size: u32| ("sans-serif", size).into_font().color(&INK));
        root.draw(&Text::new(self.title.clone(), (16, 14), text(20)))?;
        let center = |vertical| Pos::new(HPos::Center, vertical);
        for tick in RangedCoordf64::from(0.0..scale.most).key_points(Ticks) {
            let x = scale.x(tick);
            root.draw(&PathElement::new(vec![(x, TOP - 6), (x, floor)], FAINT))?;
            root.draw(&Text::new(tick_label(tick), (x, floor + 6), text(13).pos(center(VPos::Top))))?;
        }
        let axis = (scale.x(scale.most / 2.0) + AXIS_SHIFT, floor + 32);
        root.draw(&Text::new(self.axis.clone(), axis, text(14).pos(center(VPos::Top))))?;
        for (row, bar) in (0..).zip(&self.bars) {
            let middle = TOP + row * ROW + ROW / 2;
            let label = text(14).pos(Pos::new(HPos::Right, VPos::Center));
            root.draw(&Text::new(bar.label.clone(), (LEFT - 8, middle), label))?;
            let Spread { median, min, max, .. } = bar.spread;
            let corners = [(LEFT, middle - BAR / 2), (scale.x(median), middle + BAR / 2)];
            root.draw(&Rectangle::new(corners, bar.kind.color().filled()))?;
            let cut = median > scale.most;
            if !cut && max > min {
                let (from, to) = (scale.x(min), scale.x(max));
                let whisker = vec![(from, middle), (to, middle)];
                root.draw(&PathElement::new(whisker, INK.stroke_width(1)))?;
                for end in [from, to] {
                    root.draw(&PathElement::new(vec![(end, middle - 4), (end, middle + 4)], INK))?;
                }
            }
            let value = if cut { format!("» {}", number(median)) } else { number(median) };
            let right = text(13).pos(Pos::new(HPos::Left, VPos::Center));
            let at = (scale.x(max.max(median)) + 8, middle);
            root.draw(&Text::new(value, at, right))?;
        }
        let shown = self.limits.iter().filter(|(_, value)| *value <= scale.most);
        for (row, (label, value)) in (0..).zip(shown) {
            let x = scale.x(*value);
            let line = vec![(x, TOP - 12), (x, floor)];
            root.draw(&PathElement::new(line, WARNING.stroke_width(2)))?;
            // One below the other, lest two lines that are close have one label.
            let font = ("sans-serif", 13).into_font().color(&WARNING);
            let at = (x, TOP - 14 - 15 * (row % 2));
            root.draw(&Text::new(label.clone(), at, font.pos(center(VPos::Bottom))))?;
        }
        root.draw(&PathElement::new(vec![(LEFT, TOP - 6), (LEFT, floor)], INK))?;
        let kinds = [Kind::Own, Kind::Other, Kind::Unpacked, Kind::Limit].into_iter();
        let shown = kinds.filter(|kind| self.bars.iter().any(|bar| bar.kind == *kind));
        for (column, kind) in (0..).zip(shown) {
            let x = LEGEND + column * LEGEND_COLUMN;
            root.draw(&Rectangle::new([(x, floor + 36), (x + 10, floor + 46)], kind.color().filled()))?;
            let beside = text(12).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(kind.meaning(), (x + 14, floor + 41), beside))?;
        }
        Ok(root.present()?)
    }

    fn longest(&self) -> f64 {
        let bars = self.bars.iter().filter(|bar| bar.kind.sets_the_scale());
        let values = bars.map(|bar| bar.spread.max).chain(self.near_limits());
        let most = values.fold(0.0, f64::max) * 1.05;
        if most > 0.0 { most } else { 1.0 }
    }

    /// Limits that are not so far away that the bars would become too short to be told apart.
    fn near_limits(&self) -> impl Iterator<Item = f64> {
        let longest = self.bars.iter().filter(|bar| bar.kind.sets_the_scale());
        let longest = longest.map(|bar| bar.spread.max).fold(0.0, f64::max);
        self.limits.iter().map(|(_, value)| *value).filter(move |value| *value < 2.0 * longest)
    }
}

/// From values to places.
#[derive(Clone, Copy, Debug)]
struct Scale {
    most: f64,
}

impl Scale {
    /// What is beyond the axis ends where it does.
    #[allow(clippy::cast_possible_truncation, reason = "clamped to the width of the picture")]
    fn x(self, value: f64) -> i32 {
        let room = f64::from(WIDTH) - f64::from(LEFT + RIGHT);
        LEFT + (value / self.most * room).clamp(0.0, room).round() as i32
    }
}

/// About six ticks.
struct Ticks;

impl KeyPointHint for Ticks {
    fn max_num_points(&self) -> usize {
        6
    }

    fn weight(&self) -> plotters::coord::ranged1d::KeyPointWeight {
        plotters::coord::ranged1d::KeyPointWeight::Any
    }
}

/// Ticks are round numbers: without zeros at the end, and without what binary fractions leave there.
fn tick_label(value: f64) -> String {
    let label = format!("{value:.4}");
    label.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// With as many digits as tell something.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        small if small == 0.0 || small >= 100.0 => format!("{value:.0}"),
        small if small >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
