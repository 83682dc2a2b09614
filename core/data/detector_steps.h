#pragma once
#include "config/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace ptk::data {

/// What is done to each frame between file and scan (the data.* options), in this order: bad pixels become zero, the
/// dark frame is subtracted (not below zero), zero frequency moved from a corner to index N/2, crop, bin, pad, flip,
/// transpose (ptychodus' order of the last five). A pixel of a binned frame is bad when one of its parts is; padded
/// pixels are bad: nothing was measured there.
struct DetectorSteps {
    at::Tensor bad{};  ///< (h, w) bool; undefined: none
    at::Tensor dark{}; ///< (h, w) float32; undefined: none
    bool corner = false;
    std::optional<std::int64_t> crop{}; ///< pixels kept along each axis, about index N/2
    std::int64_t bin = 1;               ///< pixels that are summed along each axis
    std::optional<std::int64_t> pad{};  ///< pixels of each axis after padding with zeros
    bool flip_x = false, flip_y = false, transpose = false;

    /// (k, h, w) any real type -> (k, N, N), of the same type where nothing is summed or subtracted.
    at::Tensor apply(at::Tensor frames) const;
    /// (N, N) bool, or undefined when all pixels are good.
    at::Tensor bad_after(std::int64_t height, std::int64_t width) const;
    /// Height and width after the steps. @throws Error(InvalidConfig) for a crop or pad that does not fit, Error(Shape)
    /// when the result is not square
    std::int64_t side_after(std::int64_t height, std::int64_t width, const std::string& source,
                            const std::string& key) const;
    bool nothing() const;
};

/// Pixels that are bad in one or the other, bool; either may be undefined: none is bad.
at::Tensor bad_in_either(const at::Tensor& some, const at::Tensor& others);

/// Pixels behind a round stop: r <= diameter/2 about ((H - 1)/2, (W - 1)/2) none when it is 0 (golden
/// datagen_beamstop). (H, W) bool
at::Tensor beamstop(std::int64_t height, std::int64_t width, double diameter);

/// The options' steps for frames of h x w: data.bad_pixels, data.beamstop, data.dark, data.crop, data.bin, data.pad,
/// data.flip_x, data.flip_y, data.transpose.
/// @param bad  (h, w) bool, what the file marks; may be undefined
/// @throws Error(Io | Format | Shape) for a file of bad pixels or a dark frame that does not fit
/// @param source  of the frames, for messages
DetectorSteps detector_steps(const config::Settings& settings, const at::Tensor& bad, bool corner, std::int64_t height,
                             std::int64_t width, const std::string& source);

/// The probe on the pixels of the changed frames: crop and pad of the detector are crop and pad of the probe's
/// spectrum, binning is a crop of the probe.
/// @param probe  (modes, side, side) complex64 before the steps @return (modes, N, N)
at::Tensor probe_after(const DetectorSteps& steps, const at::Tensor& probe);

} // namespace ptk::data
