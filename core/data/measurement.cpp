#include "data/measurement.h"

#include "base/error.h"

namespace ptk::data {

const char* measurement_name(Measurement measurement)
{
    switch (measurement) {
    case Measurement::Counts:
        return "counts";
    case Measurement::Intensity:
        return "intensity";
    case Measurement::Amplitude:
        return "amplitude";
    }
    return "?";
}

Measurement measurement_from_name(const std::string& name)
{
    for (const auto measurement : {Measurement::Counts, Measurement::Intensity, Measurement::Amplitude})
        if (name == measurement_name(measurement))
            return measurement;
    fail(Status::InvalidConfig, "measurement '{}': expected counts, intensity or amplitude", name);
}

} // namespace ptk::data
