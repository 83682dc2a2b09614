#pragma once
#include "config/config.h"
#include "generators/module.h"

#include <ATen/core/Generator.h>

#include <cstdint>
#include <memory>

namespace ptk::generators {

/// What a generator may look at: G frames of each of B groups.
struct Input {
    at::Tensor amplitude;  ///< (B, G, N, N) float32, sqrt(counts), zero frequency at index N/2
    double scale = 1;      ///< the training set's factor that makes amplitudes of order one (frozen in the model)
    at::Tensor probe = {}; ///< (B, G, M, N, N) complex64, sqrt(counts), shifted to each frame's fraction of a pixel;
                           ///< undefined when not needed
    at::Tensor known = {}; ///< (B, G, N, N) complex64, the object around each frame as overlapping frames agreed on it
                           ///< in an earlier pass; undefined in the first
    at::Tensor good = {};  ///< (N, N) float32, 0 at the detector's bad pixels, where amplitudes are 0 too; undefined
                           ///< when all are good
};

/// A network from frames to the complex object around each of their positions. The output is the object's transmission
/// in the units in which |FFT(probe * patch)| is the amplitude of the frame.
class Generator : public Module {
public:
    /// @return (B, G, N, N) complex64
    virtual at::Tensor forward(const Input& input) = 0;
    /// True when the frames of a group are channels of one input (then G is fixed); false when each frame is seen
    /// alone.
    virtual bool grouped() const = 0;
    virtual bool needs_probe() const = 0;
    /// Frames of one input: G when grouped, else 1.
    virtual std::int64_t channels() const { return 1; }
    /// How often the same weights look at a frame. Between two passes the patches of overlapping frames are merged and
    /// cut out again, and each frame starts from what its neighbours know (Input::known).
    virtual std::int64_t passes() const { return 1; }
    /// Options that making the generator has settled (what a file held); a model keeps them with those that were given.
    virtual config::Config settled() const { return {}; }
};

/// Shape of the problem, given by data.
struct Problem {
    std::int64_t side = 64;      ///< N
    std::int64_t group_size = 0; ///< G; 0 = as the generator wants it
};

} // namespace ptk::generators
