#pragma once
#include <ATen/core/Tensor.h>

namespace ptk::evaluation {

/// What ptychography leaves undetermined, removed: a reconstruction brought into the frame of a reference.
struct Registration {
    at::Tensor aligned;   ///< (H, W) complex128 in the frame of the reference
    double shift_x = 0;   ///< pixels by which the content was moved
    double shift_y = 0;
    double ramp_x = 0;    ///< rad per pixel that were removed
    double ramp_y = 0;
    double scale_re = 1;  ///< complex factor that was applied
    double scale_im = 0;
};

/// Sub-pixel shift, phase ramp, global phase and scale of @p object that fit @p reference best (least squares inside the mask).
/// @param object, reference  (H, W) complex @param mask (H, W) bool, the area that counts
/// @throws Error(Shape) when the shapes differ or the mask is empty
Registration register_object(const at::Tensor& object, const at::Tensor& reference, const at::Tensor& mask);

}  // namespace ptk::evaluation
