#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ptk::physics {

/// Options of the iterative engine (the refinement.* settings).
struct EngineOptions {
    std::int64_t epochs = 20;
    bool rpie = false;  ///< rPIE, else ePIE
    double alpha = 0.1; ///< of rPIE, in (0, 1]; 1 is ePIE
    double object_step = 1;
    double probe_step = 0.5; ///< in the first epoch in which the probe moves; 1/k of it in the k-th; 0 keeps the probe
    std::int64_t probe_start = 1; ///< first epoch (1-based) in which the probe moves
    bool positions = false;
    double held_out_fraction = 0.05;
    std::int64_t patience = 5;
    bool start_competes = true; ///< false for a start that was made with the frames held out: its error on them is no
                                ///< measure
    std::uint64_t seed = 0;
    const char* phase = "refine"; ///< what Progress::phase says
};

/// Object, probe and positions that the engine iterates; pixel (r, c) of the object is at (x, y) = (origin_x + c,
/// origin_y + r).
struct EngineState {
    at::Tensor object;    ///< (H, W) complex64
    at::Tensor probe;     ///< (M, N, N) complex64, sqrt(counts)
    at::Tensor positions; ///< (n, 2) float64
    std::int64_t origin_x = 0;
    std::int64_t origin_y = 0;
    std::vector<double> fourier_errors{};          ///< per epoch, over the updated frames (running, before each update)
    std::vector<double> held_out_fourier_errors{}; ///< per epoch, over the frames left out
};

/// A frame of the object: pixel (r, c) is at (x, y) = (origin_x + c, origin_y + r).
struct ObjectFrame {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t origin_x = 0;
    std::int64_t origin_y = 0;
};

/// The smallest frame that holds the patches of all positions with one pixel around, and, when given, rows [0, height)
/// and columns [0, width).
/// @throws Error(Shape) when that is more than 2^30 pixels
ObjectFrame frame_for(const at::Tensor& positions, std::int64_t side, std::int64_t height = 0, std::int64_t width = 0);

/// Iterate rPIE or ePIE over the frames in a new random order each epoch; several incoherent modes, sub-pixel by
/// shifting the probe. Runs on the CPU (a frame is a chain of small operations); the result is on the device of the
/// start.
///
/// The scan's propagation is that of its frames: the far field, or a Propagator.
///
/// With frames held out, stops after `patience` epochs without a better error on them and returns the best state, which
/// is the start when it competes and no epoch was better. What the frames cannot tell is fixed after each epoch in
/// which the probe moved: its modes are orthogonal, strongest first, the sum of their squares is the frames' mean power
/// (the object takes the inverse factor), and its centre of mass stays within half a pixel of where the start's was
/// (the object moves along in its frame). So object and positions keep the start's frame.
///
/// Positions, when asked for, move from the third epoch on by half the least-squares shift of each frame, at most 0.25
/// pixels an epoch and 2 in all, inside the object. A common shift, stretch or shear is taken out: with the object they
/// change the frames too little to be told from noise. Sources: Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009);
/// Maiden, Johnson & Li, Optica 4, 736 (2017); Thibault & Menzel, Nature 494, 68 (2013); positions: Odstrcil, Menzel &
/// Guizar-Sicairos, Opt. Express 26, 3108 (2018).
/// @throws Error(Shape) when a patch does not lie inside the object, Error(Cancelled), Error(NotConverged) when numbers
/// stop being finite (the start is not
///         changed)
EngineState iterate(const data::Scan& scan, EngineState start, const EngineOptions& options, const Monitor& monitor,
                    Log& log);

/// A flat object of ones that holds all patches (at least the scan's own object frame when it has one) and @p probe
/// (canonical) with the frames' power and @p modes modes.
EngineState flat_start(const data::Scan& scan, const at::Tensor& probe, std::int64_t modes);

/// The probe after @p epochs from a flat object: what training starts from (probe.warm_epochs). Modes orthogonal,
/// strongest first.
at::Tensor warm_probe(const data::Scan& scan, std::int64_t modes, std::int64_t epochs, std::uint64_t seed,
                      const Monitor& monitor, Log& log);

/// Relative Fourier error: sqrt(sum (sqrt(I) - A)^2 / sum A^2) over all frames and pixels, I from object, probe and
/// positions.
double fourier_error(const data::Scan& scan, const EngineState& state, const Monitor& monitor);

} // namespace ptk::physics
