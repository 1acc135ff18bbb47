//! What the ports are tested with: one set of rules per port ([`rules`]), wrappers that inject faults
//! ([`fault`]), and a machine whose time and randomness a test commands ([`host`]).
//!
//! # What the rules catch
//!
//! A rule that has never failed proves nothing. Each of these defects was put into an adapter, and
//! rules failed on it; `tests/broken` does so at each run and names the rules.
//!
//! - **Store**: ignores the expected revision; checks the revision before it writes and not while;
//!   drops events; keeps the events of refused saves; keeps old index entries; ignores uniqueness;
//!   never frees unique keys; takes a document's own keys for taken; blames a taken key before a
//!   stale revision; deletes any revision; deletes what has published; keeps only bodies that are text;
//!   loses the version; reads from a cache; takes a second entry in an index; includes the end of a
//!   scan; ignores a scan's direction, or its limit, or that there is one; sorts bytes as signed; finds
//!   keys and documents in two steps; sorts versions as text; begins a history at its cursor; takes a
//!   service's name for a prefix; shows events late.
//! - **Outbox and delivery**: strikes off more than it was asked to; forgets published events; does not wake
//!   the relay; loses events on the way; delivers under a new id.
//! - **Bus**: loses events; settles before they are handled; never settles; retries at once; takes
//!   retries for done; forgets the attempt; retries what was rejected; begins new consumers at the
//!   end; ignores the kinds of a consumer or tail, or the limit; forgets which events it has; gives
//!   every reader everything; loses what a dropped wait had taken; does not wake a waiting reader, for an
//!   event or a retry; tails too much or too little of the past; lets tails take events; shows
//!   batches backwards; forgets its position.
//! - **Timers**: fire early; give no lease; never end one; finish what was set again; finish nothing;
//!   keep the first setting; cancel before they set; claim the latest first; forget leases in the
//!   next time; round to seconds; claim in two steps.
//! - **Rate limits**: allow everything, or one too many; count per handle; mix keys; take when they
//!   look; tell too short a wait; never refill; check before they take.
//! - **Blobs**: keep to themselves; cut at a zero; mix keys; overwrite; refuse the same again; look before they
//!   write; write bit by bit; delete nothing; miss what is gone; take any size.
//! - **Mailer**: keeps the last mail only; keeps plain text only; refuses a mail that it has.
//!
//! Run against the adapters of this project they caught besides: two senders of one mail who wrote
//! the same draft file. The seeded runs of the repository over a faulty store (`tests/repo.rs`) caught
//! an error that said "nothing was written" of a save that had been written and overtaken.

pub mod fault;
pub mod host;
pub mod rules;
