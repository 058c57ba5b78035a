//! Analytics in SQL: figures that are those of the rows at every moment.

mod figures;
mod history;
mod input;
mod pace;
mod readers;
mod scene;
mod worlds;
