#pragma once
#include "simulation/raster.h"

#include <random>
#include <string>
#include <vector>

namespace ptk::simulation {

const std::vector<std::string>& scan_kinds();

/// @p count points with a spacing of about @p step pixels, in the order of measuring, about (0, 0):
///  * raster: rows of ceil(sqrt(count)), the first count of them;
///  * grid: raster with a uniform jitter of +- @p jitter steps in x and in y;
///  * fermat: k-th point at radius step sqrt(k/pi) and angle k times the golden angle (Huang et al., Opt. Express 22,
///  12634 (2014)): one point
///    in each area of step^2;
///  * concentric: rings one step apart, points about a step apart on each;
///  * random: uniform in a square of count steps^2.
/// @throws Error(InvalidConfig) for an unknown kind
std::vector<Point> scan_points(const std::string& kind, std::int64_t count, double step, double jitter,
                               std::mt19937_64& random);

/// PtychoPINN's raster over an object: ceil(sqrt(count))^2 points between side/2 and the far edge minus it, a jitter of
/// 0.3 of the smaller step, all jitters in x drawn before those in y (golden datagen_scan_positions, whose positions
/// are rounded to 1/100 pixel).
/// @param draw  uniform in [0, 1)
std::vector<Point> jittered_raster(std::int64_t height, std::int64_t width, std::int64_t side, std::int64_t count,
                                   const std::function<double()>& draw);

} // namespace ptk::simulation
