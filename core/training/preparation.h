#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"
#include "model/model.h"

namespace ptk::training {

/// What is learnt of a scan before the first step.
struct Preparation {
    at::Tensor probe;          ///< (M, N, N) complex64 on the CPU
    double power = 0;          ///< mean counts of a frame
    double input_scale = 1;    ///< see Model::input_scale
    double object_scale = 0;   ///< see Model::object_scale
    double mean_amplitude = 0; ///< see Model::mean_amplitude
};

/// The probe is that of the scan, with probe.modes modes, the frames' power, improved by probe.warm_epochs of the
/// iterative engine on the frames, under the soft disk when probe.mask says so.
/// @throws Error(State) when there is none; Error(Format) for frames without counts
Preparation preparation_of(const model::Model& model, const data::Scan& scan, const config::Settings& settings,
                           const Monitor& monitor, Log& log);

/// Give the model the preparation_of() the training frames, of several experiments that of each, their object pixel and
/// a provenance. The probe that it begins with is the model's or else the scan's (with probe.from = scan the scan's);
/// the model's of several experiments is that of model::experiment_of(), and of one does not count for a scan of
/// several. On an error the model is as it was.
/// @param frames  (n) int64: those of the scan that are trained on
/// @throws as preparation_of(), model::experiment_of()
void prepare_model(model::Model& model, const data::Scan& scan, const at::Tensor& frames,
                   const config::Settings& settings, const Monitor& monitor, Log& log);

/// The soft disk of probe.mask, (N, N) float32, or undefined.
at::Tensor probe_mask(const config::Settings& settings, std::int64_t side);

} // namespace ptk::training
