// Arrays of the caller as tensors. Everything is checked first: LibTorch ends the process on strides that cannot be,
// because it computes their extent in a noexcept function.
#pragma once
#include "handles.h"

#include <ATen/core/Tensor.h>

#include <initializer_list>

namespace ptk::capi {

enum class Numbers { Any, Real, Complex };

/// Bytes of an element; 0 for an unknown type.
std::size_t element_size(ptk_dtype dtype) noexcept;
/// "F32" for a tensor's type.
std::string dtype_name(c10::ScalarType type);

/// @throws Error(InvalidArgument | Shape | Device) unless the view is one that memory can hold
void check_view(const ptk_view& view, const char* name);

/// A tensor over the caller's memory, to be read during the call only; on the CPU (copied there if need be).
/// @param axes  allowed numbers of axes
at::Tensor borrowed(const ptk_view* view, const char* name, Numbers numbers, std::initializer_list<int> axes);
/// The same for an argument that may be NULL: an undefined tensor.
at::Tensor borrowed_if(const ptk_view* view, const char* name, Numbers numbers, std::initializer_list<int> axes);

/// Memory of the caller that is filled: checked to have this shape and to not overlap itself.
at::Tensor target(ptk_view* view, const char* name, Numbers numbers, at::IntArrayRef shape);
/// Copies a tensor into the caller's memory; complete on return.
void give_array(const at::Tensor& tensor, ptk_view* view, const char* name);

/// Copies a shape out.
void give_shape(at::IntArrayRef shape, std::int64_t* shape_out, std::int32_t capacity, std::int32_t* ndim_out);
void require_shape_out(const std::int64_t* shape_out, const std::int32_t* ndim_out);

/// Arrays of a handle by name: {"name", "dtype", "shape"} of those that are there.
config::Json describe_arrays(const std::vector<std::pair<std::string, at::Tensor>>& arrays);
/// @throws Error(NotFound) naming those that are there
const at::Tensor& find_array(const std::vector<std::pair<std::string, at::Tensor>>& arrays, const std::string& name);

} // namespace ptk::capi
