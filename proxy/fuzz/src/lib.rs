//! Hostile peers for the codec and the heartbeats: fuzz bodies that read everything they do from their input (what is said,
//! how it is cut, what is damaged, when a reader gives up and starts over), so that a fuzzer can steer all of it. What must
//! hold for particular rules of a protocol is in the tests of its own.

mod choices;
mod conversation;
mod decode;
mod framer;
mod heard;
mod heartbeats;
mod packets;

pub use conversation::conversation;
pub use decode::decode;
pub use framer::framer;
pub use heartbeats::heartbeats;
pub use packets::packets;

#[cfg(test)]
mod tests {
    use super::*;

    /// Input that a generator makes of a seed (splitmix64): the same on every machine and toolchain.
    fn seeded(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut word = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        std::iter::repeat_with(|| word().to_le_bytes()).flatten().take(length).collect()
    }

    #[test]
    fn garbage_is_heard_the_same_however_it_is_cut() {
        for seed in 0..3_000 {
            decode(&seeded(seed, 16 + seed as usize % 600));
        }
    }

    #[test]
    fn a_conversation_is_heard_as_it_was_said() {
        for seed in 0..3_000 {
            conversation(&seeded(seed, 64 + seed as usize % 900));
        }
    }

    #[test]
    fn a_raw_stream_is_heard_the_same_however_it_is_cut() {
        for seed in 0..6_000 {
            framer(&seeded(seed, 32 + seed as usize % 700));
        }
    }

    #[test]
    fn heartbeats_come_to_an_end_whatever_is_said() {
        for seed in 0..6_000 {
            heartbeats(&seeded(seed, 32 + seed as usize % 700));
        }
    }

    #[test]
    fn mqtt_passes_the_same_however_it_is_cut() {
        for seed in 0..6_000 {
            packets(&seeded(seed, 16 + seed as usize % 200));
        }
    }

    #[test]
    fn input_that_ends_early_is_input() {
        for length in 0..40 {
            decode(&seeded(7, length));
            conversation(&seeded(7, length));
            framer(&seeded(7, length));
            packets(&seeded(7, length));
            heartbeats(&seeded(7, length));
        }
    }
}
