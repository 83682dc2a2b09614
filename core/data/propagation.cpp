#include "data/propagation.h"

#include "base/constants.h"
#include "base/error.h"
#include "config/config.h"
#include "data/scan.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace ptk::data {

namespace {

using Kind = Propagation::Kind;

double length(const config::Settings& settings, const char* option, double known)
{
    return settings.has(option) ? settings.number(option) : known;
}

/// An object pixel that follows from the far field's formula says nothing of the near field.
std::optional<double> pixel_of(const Geometry& geometry, std::int64_t side)
{
    const auto far = geometry.far_field_pixel_m(side);
    const auto& stated = geometry.object_pixel_m;
    if (stated && !(far && std::abs(*stated / *far - 1) < 1e-6))
        return stated;
    return geometry.detector_pixel_m;
}

void check_length(double value, bool good, const char* what, const char* options, Kind kind, const std::string& source)
{
    require(good && std::isfinite(value), Status::InvalidConfig,
            "{}: physics.propagator = {} needs the {}, which neither the scan nor the options state; give {}", source,
            propagator_name(kind), what, options);
}

} // namespace

double Propagation::fresnel_number() const
{
    return pixel_m * pixel_m / (wavelength_m * distance_m);
}

bool Propagation::keeps_pixel(std::int64_t side) const
{
    return kind == Kind::AngularSpectrum ||
           (kind == Kind::Fresnel && std::abs(fresnel_number()) * static_cast<double>(side) >= 1);
}

const char* propagator_name(Kind kind)
{
    return kind == Kind::Fresnel ? "fresnel" : kind == Kind::AngularSpectrum ? "angular_spectrum" : "far_field";
}

Kind propagator_from_name(const std::string& name)
{
    for (const auto kind : {Kind::FarField, Kind::Fresnel, Kind::AngularSpectrum})
        if (name == propagator_name(kind))
            return kind;
    fail(Status::InvalidConfig, "physics.propagator: '{}' is not one of far_field, fresnel, angular_spectrum", name);
}

Propagation lengths_of(const Geometry& geometry, std::int64_t side)
{
    Propagation known;
    if (geometry.energy_j)
        known.wavelength_m = base::photon_wavelength_m(*geometry.energy_j);
    known.distance_m = geometry.distance_m.value_or(0);
    known.pixel_m = pixel_of(geometry, side).value_or(0);
    return known;
}

Propagation propagation_of(const config::Settings& settings, const Propagation& known, const std::string& source)
{
    Propagation made;
    const auto& name = settings.text("physics.propagator");
    if (name == "auto" || name == "far_field")
        return made;
    made.kind = propagator_from_name(name);
    made.wavelength_m = length(settings, "physics.wavelength_m", known.wavelength_m);
    made.distance_m = length(settings, "physics.distance_m", known.distance_m);
    made.pixel_m = length(settings, "physics.pixel_m", known.pixel_m);
    check_length(made.wavelength_m, made.wavelength_m > 0, "wavelength", "physics.wavelength_m or data.energy_ev",
                 made.kind, source);
    check_length(made.distance_m, made.distance_m != 0, "distance from the object to the detector",
                 "physics.distance_m or data.distance_m", made.kind, source);
    check_length(made.pixel_m, made.pixel_m > 0, "pixel of the object",
                 "physics.pixel_m, or data.detector_pixel_m for a parallel beam", made.kind, source);
    return made;
}

Scan seen_as(const Scan& scan, const config::Settings& settings)
{
    Scan seen = scan;
    if (settings.text("physics.propagator") == "auto")
        return seen;
    const auto known = scan.propagation.near_field() ? scan.propagation : lengths_of(scan.geometry, scan.side());
    seen.propagation = propagation_of(settings, known, scan.source);
    return seen;
}

config::Config options_of(const Propagation& propagation)
{
    config::Config options;
    if (!propagation.near_field())
        return options;
    options.set("physics.propagator", propagator_name(propagation.kind));
    options.set("physics.wavelength_m", propagation.wavelength_m);
    options.set("physics.distance_m", propagation.distance_m);
    options.set("physics.pixel_m", propagation.pixel_m);
    return options;
}

} // namespace ptk::data
