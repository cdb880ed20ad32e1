// Tables in double brackets: what there may be any number of ([[scrape]], [[remote_write]]), with
// tables of their own inside ([[scrape.relabel_configs]]). Known by files alone, not by the
// environment (names and texts of a section are: VOLTA_STORE_HEADERS='{ name = "text" }').
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/setting_values.hpp"

namespace volta {

struct TableSpec {
  std::string name;   // "scrape"; of an inner one "relabel_configs"
  std::string roles;  // of an inner one those of the outer
  std::string help;
  std::vector<SettingSpec> fields;
  std::vector<TableSpec> inner = {};
};

// The tables of a role, in the order of `volta config init`.
std::vector<TableSpec> table_specs(std::string_view role);

// One of them, with a value for each field.
class SettingTable : public SettingValues {
 public:
  explicit SettingTable(std::string place) : place_(std::move(place)) {}

  [[nodiscard]] const std::string& place() const { return place_; }  // FILE:LINE of its head
  [[nodiscard]] std::span<const SettingTable> inner(const std::string& name) const;
  void put_inner(const std::string& name, std::vector<SettingTable> tables) {
    inner_[name] = std::move(tables);
  }

 private:
  std::string place_;
  std::map<std::string, std::vector<SettingTable>> inner_;
};

}  // namespace volta
