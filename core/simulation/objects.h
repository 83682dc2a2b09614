#pragma once
#include "simulation/field.h"

#include <random>
#include <string>
#include <vector>

namespace ptk::simulation {

/// What object is made. Every kind fills the whole picture and uses the ends of both ranges.
struct ObjectRecipe {
    std::string kind = "dead_leaves"; ///< one of object_kinds()
    std::int64_t height = 0, width = 0;
    Range amplitude{0.8, 1.0};
    Range phase{0.0, 2.0};    ///< radians
    double blur = 2;          ///< pixels, of blurred_noise
    std::int64_t spokes = 36; ///< of siemens_star
};

const std::vector<std::string>& object_kinds();

/// @return (height, width); the same for the same engine state on every machine and number of threads
/// @throws Error(InvalidConfig) for an unknown kind
ComplexField make_object(const ObjectRecipe& recipe, std::mt19937_64& random);

// The base maps in [0, 1]:

/// Uniform noise of one pixel, blurred when sigma > 0, normalised.
Field noise_map(std::int64_t height, std::int64_t width, double sigma, std::mt19937_64& random);
/// Perlin's improved noise (SIGGRAPH 2002) on a lattice of a quarter of the shorter side, summed over octaves at half
/// the amplitude each.
Field perlin_map(std::int64_t height, std::int64_t width, std::int64_t octaves, std::mt19937_64& random);
/// Random lines blurred at three widths: blur(1) + 2 blur(5) + 5 blur(10), as many lines for an area as PtychoPINN's
/// grid-lines benchmark has.
Field lines_map(std::int64_t height, std::int64_t width, std::mt19937_64& random);
/// Spokes between 2 % and 45 % of the shorter side, sampled four times in each direction.
Field siemens_map(std::int64_t height, std::int64_t width, std::int64_t spokes);
/// Layers of disks, ellipses and lines on Perlin noise, after PtychoPINN's procedural objects.
Field layered_map(std::int64_t height, std::int64_t width, std::mt19937_64& random);

// Thickness through absorbing and phase-shifting matter:

/// Absorption and phase shift for each pixel; the object is exp(-absorption) exp(-i shift).
struct Matter {
    Field absorption;
    Field shift;
};

/// One occluding leaf, in the draws that make it.
struct Leaf {
    enum class Shape { Circle, Square, Rectangle, Triangle, Quadrilateral };
    Shape shape = Shape::Circle;
    double radius_draw = 0;       ///< in [0, 1): place in the distribution of radii
    double absorption_draw = 0;   ///< in [0, 1)
    double ratio = 100;           ///< phase shift by absorption
    std::int64_t x = 0, y = 0;    ///< centre
    std::vector<double> angles{}; ///< square: rotation; rectangle: aspect, rotation; polygons: of their corners
};
Leaf random_leaf(std::int64_t height, std::int64_t width, std::mt19937_64& random);
/// Later leaves hide earlier ones. Radii between 3 % and 20 % of the height with density 1/r^3 - 1/r_max^3; absorption
/// 0.001 u^1.5 for each unit of thickness, thickness 3 (PtychoPINN's constants, golden datagen_dead_leaves). Source:
/// Lee, Mumford & Huang, IJCV 41, 35 (2001).
Matter dead_leaves(std::int64_t height, std::int64_t width, const std::vector<Leaf>& leaves);

/// Random convex polyhedra of twenty faces, a third of them hollow; thicknesses along the beam add up.
Matter polyhedra(std::int64_t height, std::int64_t width, std::mt19937_64& random);

/// exp(-absorption) exp(-i shift), amplitude and phase stretched to the ranges.
ComplexField through(const Matter& matter, Range amplitude, Range phase);

} // namespace ptk::simulation
