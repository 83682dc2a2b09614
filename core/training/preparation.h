#pragma once
#include "base/log.h"
#include "base/progress.h"
#include "data/scan.h"
#include "model/model.h"

namespace ptk::training {

/// Give the model what it has to know of the training frames before the first step: scale of the input, mean power,
/// object pixel, provenance, and the prepared_probe(). On an error the model is as it was.
/// @param training  the frames that are trained on
/// @throws Error(State) when neither model nor scan has a probe
void prepare_model(model::Model& model, const data::Scan& training, const config::Settings& settings,
                   const Monitor& monitor, Log& log);

/// The probe a scan is worked with, (M, N, N) complex64 on the CPU: that of the model or else of the scan (of the scan
/// in any case with probe.from = scan), with probe.modes modes, @p power counts, improved by probe.warm_epochs of the
/// iterative engine, under the soft disk when probe.mask says so.
/// @throws Error(State) when there is none
at::Tensor prepared_probe(const model::Model& model, data::Scan scan, double power, const config::Settings& settings,
                          const Monitor& monitor, Log& log);

/// The soft disk of probe.mask, (N, N) float32, or undefined.
at::Tensor probe_mask(const config::Settings& settings, std::int64_t side);

} // namespace ptk::training
