//! Sections, rows and seats: how they are read, and how they are compared.

mod normal;
mod read;

pub use normal::{normal_row, normal_seat, normal_section};
pub use read::{InvalidSeats, SEAT_NAME_MAX, SEATS_MAX, read_all, read_seats};
