#pragma once

/// Constants of nature, exact in the SI since 2019 (CODATA 2018).
namespace ptk::base {

constexpr double planck_j_s = 6.62607015e-34;
constexpr double light_speed_m_s = 299792458.0;
constexpr double joule_per_ev = 1.602176634e-19;

/// Metres, of photons of @p energy_j joules.
constexpr double photon_wavelength_m(double energy_j)
{
    return planck_j_s * light_speed_m_s / energy_j;
}

} // namespace ptk::base
