//! Offer and answer (RFC 3264) for one G.711 audio stream, over `sdp-types`.
