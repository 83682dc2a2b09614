#include "base/error.h"
#include "data/hdf5_file.h"
#include "data/raw_scan.h"

#include <cmath>

namespace ptk::data {

namespace {

constexpr const char *pixel = "propagation_pixel_m", *wavelength = "propagation_wavelength_m",
                     *distance = "propagation_distance_m";

} // namespace

Propagation checked_propagation(const std::string& propagator, double pixel_m, double wavelength_m, double distance_m,
                                const std::string& where)
{
    const bool known = propagator == "far_field" || propagator == "fresnel" || propagator == "angular_spectrum";
    require(known, Status::Format, "{}: expected far_field, fresnel or angular_spectrum, found '{}'", where,
            propagator.substr(0, 40));
    if (propagator == "far_field")
        return {};
    const bool lengths = pixel_m > 0 && wavelength_m > 0 && distance_m != 0 && std::isfinite(pixel_m) &&
                         std::isfinite(wavelength_m) && std::isfinite(distance_m);
    require(lengths, Status::Format,
            "{}: expected a pixel and a wavelength above zero and a distance, found {}, {} and {} m", where, pixel_m,
            wavelength_m, distance_m);
    return {propagator_from_name(propagator), pixel_m, wavelength_m, distance_m};
}

void write_propagation(Hdf5File& file, const std::string& frames, const Propagation& propagation)
{
    if (!propagation.near_field())
        return;
    file.set_attribute(frames, "propagator", propagator_name(propagation.kind));
    file.set_attribute(frames, pixel, propagation.pixel_m);
    file.set_attribute(frames, wavelength, propagation.wavelength_m);
    file.set_attribute(frames, distance, propagation.distance_m);
}

Propagation read_propagation(const Hdf5File& file, const std::string& frames, const std::string& path)
{
    const auto propagator = file.attribute(frames, "propagator");
    if (!propagator)
        return {};
    const auto length = [&](const char* name) { return file.number_attribute(frames, name).value_or(0); };
    return checked_propagation(*propagator, length(pixel), length(wavelength), length(distance),
                               path + ": '" + frames + "': propagator");
}

} // namespace ptk::data
