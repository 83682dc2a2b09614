#include "base/shape.h"

namespace ptk::base {

std::string shape_text(at::IntArrayRef shape)
{
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

std::string shape_of(const at::Tensor& tensor)
{
    return tensor.defined() ? shape_text(tensor.sizes()) : "none";
}

} // namespace ptk::base
