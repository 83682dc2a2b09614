#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"
#include "model/model.h"

namespace ptk::training {

/// Give the model what it has to know of the training frames before the first step: scale of the input, mean power,
/// object pixel, provenance, and the probe: that of the model or else of the scan, with probe.modes modes, the frames'
/// power, improved by probe.warm_epochs of the iterative engine on the training frames, under the soft disk when
/// probe.mask says so. On an error the model is as it was.
/// @param training  the frames that are trained on
/// @throws Error(State) when neither model nor scan has a probe
void prepare_model(model::Model& model, const data::Scan& training, const config::Settings& settings,
                   const Monitor& monitor, Log& log);

/// The soft disk of probe.mask, (N, N) float32, or undefined.
at::Tensor probe_mask(const config::Settings& settings, std::int64_t side);

} // namespace ptk::training
