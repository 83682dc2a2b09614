#pragma once
#include "config/config.h"
#include "generators/module.h"
#include "physics/propagator.h"

#include <ATen/core/Generator.h>

#include <cstdint>
#include <memory>

namespace ptk::generators {

/// What a generator may look at: G frames of each of B groups.
struct Input {
    at::Tensor amplitude;   ///< (B, G, N, N) float32, sqrt(counts), zero frequency (in the near field: the axis) at
                            ///< index N/2
    double scale = 1;       ///< the training set's factor that makes amplitudes of order one (frozen in the model)
    at::Tensor probe = {};  ///< (B, G, M, N, N) complex64, sqrt(counts), shifted to each frame's fraction of a pixel;
                            ///< undefined when not needed
    at::Tensor known = {};  ///< (B, G, N, N) complex64, the object around each frame as overlapping frames agreed on it
                            ///< in an earlier pass; undefined in the first
    at::Tensor good = {};   ///< (N, N) float32, 0 at the detector's bad pixels, where amplitudes are 0 too; undefined
                            ///< when all are good
    at::Tensor scales = {}; ///< (B, 1, 1, 1) float32, a factor for each group instead of scale; mostly undefined
    physics::PropagatorPtr propagator = {}; ///< of frames in the near field; nullptr: in the far field
    at::Tensor fractions =
        {};                 ///< (B, G, 2), by which the probes were shifted; only for the propagator; undefined: none
    bool intensity = false; ///< networks see squared amplitudes, and the factors are made for them

    /// The images of order one that a network sees: amplitudes (or intensities) times their factor, (B, G, N, N).
    at::Tensor scaled() const;
    /// One step of physics alone, physics::rpie_step(): what each frame makes of @p patches (B, G, N, N). Needs the
    /// probe.
    at::Tensor imposed(const at::Tensor& patches, double alpha) const;
};

/// Steps of physics without weights, of all frames together: each one's amplitudes are imposed on what overlapping
/// frames agreed on (Input::imposed()), and the patches are merged again, with momentum (physics::approached()).
struct Agreement {
    std::int64_t steps = 0;
    double alpha = 0.1;
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
    /// What is done between two passes, once the patches are merged.
    virtual Agreement agreement() const { return {}; }
    /// Options that making the generator has settled (what a file held); a model keeps them with those that were given.
    virtual config::Config settled() const { return {}; }
    /// After the first weights were drawn: biases with which an untrained network sees nothing in the beam, an object
    /// of about 1, where it would start from 0 and might learn the other sign.
    virtual void start_transparent() {}
    /// Names of the layers that make the picture, some of which may not be there: those that a start from nothing
    /// (initializer zero_output) clears.
    virtual std::vector<std::string> output_layers() const { return {"output_proj", "output_amp", "output_phase"}; }
};

/// Shape of the problem, given by data.
struct Problem {
    std::int64_t side = 64;      ///< N
    std::int64_t group_size = 0; ///< G; 0 = as the generator wants it
};

} // namespace ptk::generators
