#pragma once
#include "base/log.h"
#include "base/random.h"
#include "config/config.h"
#include "simulation/field.h"

#include <gtest/gtest.h>

namespace ptk::simulation {

inline config::Settings options(const std::string& json)
{
    return config::Settings(config::library_schema(), config::Config::from_json(json));
}

inline at::Tensor tensor_of(const Field& field)
{
    auto out = at::empty({field.height, field.width}, at::kDouble);
    std::copy(field.values.begin(), field.values.end(), out.data_ptr<double>());
    return out;
}

inline at::Tensor tensor_of(const ComplexField& field)
{
    auto out = at::empty({field.height, field.width}, at::kComplexDouble);
    std::copy(field.values.begin(), field.values.end(), static_cast<std::complex<double>*>(out.data_ptr()));
    return out;
}

inline Field field_of(const at::Tensor& tensor)
{
    const auto source = tensor.to(at::kDouble).contiguous();
    Field field(source.size(0), source.size(1));
    std::copy_n(source.const_data_ptr<double>(), source.numel(), field.values.begin());
    return field;
}

} // namespace ptk::simulation
