#pragma once
#include <cstdint>
#include <string>

namespace ptk::config {
class Config;
class Settings;
} // namespace ptk::config

namespace ptk::data {

struct Geometry;
struct Scan;

/// How the wave goes from the object to the detector (physics.propagator), and over which lengths. In the far field
/// the lengths do not matter, and are 0.
struct Propagation {
    enum class Kind { FarField, Fresnel, AngularSpectrum };

    Kind kind = Kind::FarField;
    double pixel_m = 0; ///< of the object
    double wavelength_m = 0;
    double distance_m = 0; ///< negative: back

    bool near_field() const { return kind != Kind::FarField; }
    /// pixel^2 / (wavelength distance), see physics/near_field.h; only in the near field.
    double fresnel_number() const;
    /// The pixels of the detector are those of the object: the angular spectrum, and Fresnel's where his number times
    /// the side is at least one.
    bool keeps_pixel(std::int64_t side) const;
};

/// "far_field", "fresnel" or "angular_spectrum".
const char* propagator_name(Propagation::Kind kind);
/// @throws Error(InvalidConfig) for another name
Propagation::Kind propagator_from_name(const std::string& name);

/// The lengths of a scan, 0 where unknown: the wavelength of its photons, its distance, and as pixel its object pixel,
/// unless that is what the far field would have, else its detector pixel (a parallel beam).
/// @param side  of the frames that the geometry belongs to
Propagation lengths_of(const Geometry& geometry, std::int64_t side);

/// What physics.propagator and its lengths say; lengths that are not given are the known ones. The far field when the
/// propagator is 'auto'.
/// @param source  for messages
/// @throws Error(InvalidConfig) naming the length that is missing and the options that give it
Propagation propagation_of(const config::Settings& settings, const Propagation& known, const std::string& source);

/// The scan as the settings see it: their propagation, or its own when the propagator is 'auto'. Frames are shared.
/// @throws as propagation_of()
Scan seen_as(const Scan& scan, const config::Settings& settings);

/// The options that say this again; none for the far field.
config::Config options_of(const Propagation& propagation);

} // namespace ptk::data
