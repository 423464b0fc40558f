//! Mean opinion score by the E-model (ITU-T G.107) for G.711: delay and loss lower the rating R, R gives the score.

/// R of a perfect G.711 connection with default parameters.
const R_BEST: f64 = 93.2;
/// Robustness of G.711 against random loss where the listener conceals it (ITU-T G.113, appendix I).
const BPL: f64 = 25.1;
/// One way, beside the network: packetisation and the listener's buffer, in milliseconds.
const FIXED_MS: f64 = 40.0;

/// The score times 100 (100-450): `loss` is a share of 0-1, jitter and round trip are in microseconds.
pub fn mos_x100(loss: f64, jitter_us: u64, rtt_us: u64) -> u16 {
    let delay = rtt_us as f64 / 2_000.0 + jitter_us as f64 * 2.0 / 1_000.0 + FIXED_MS;
    let late = (delay - 177.3).max(0.0);
    let delay_impairment = 0.024 * delay + 0.11 * late;
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let loss_impairment = 95.0 * percent / (percent + BPL);
    let r = (R_BEST - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    let mos = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6;
    (mos.clamp(1.0, 4.5) * 100.0).round() as u16
}
