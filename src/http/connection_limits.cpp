#include "http/connection_limits.hpp"

namespace volta {
namespace {

constexpr std::size_t kMostAdmin = 64;

}  // namespace

ConnectionSlot::ConnectionSlot(ConnectionLimits& limits, std::string address, ClientKind kind)
    : limits_(&limits),
      address_(std::move(address)),
      admin_(kind == ClientKind::admin),
      kind_(kind) {
  limits_->counters_->add_client(kind_, 1);
}

ConnectionSlot::~ConnectionSlot() {
  limits_->counters_->add_client(kind_, -1);
  limits_->release(address_, admin_);
}

void ConnectionSlot::become(ClientKind kind) {
  limits_->counters_->add_client(kind_, -1);
  kind_ = kind;
  limits_->counters_->add_client(kind_, 1);
}

std::unique_ptr<ConnectionSlot> ConnectionLimits::admit(const std::string& address, bool admin) {
  const bool admitted = open_.with([&](Open& open) {
    if (admin) {
      if (open.admin >= kMostAdmin) return false;
      ++open.admin;
      return true;
    }
    if (open.total >= most_) return false;
    if (!address.empty()) {
      const auto known = open.by_address.find(address);
      if (known != open.by_address.end() && known->second >= most_per_address_) return false;
      ++open.by_address[address];
    }
    ++open.total;
    return true;
  });
  if (!admitted) return nullptr;
  return std::make_unique<ConnectionSlot>(*this, address,
                                          admin ? ClientKind::admin : ClientKind::http);
}

std::size_t ConnectionLimits::open() const {
  return open_.with([](const Open& open) { return open.total + open.admin; });
}

void ConnectionLimits::release(const std::string& address, bool admin) {
  open_.with([&](Open& open) {
    if (admin) {
      --open.admin;
      return;
    }
    --open.total;
    if (address.empty()) return;
    const auto known = open.by_address.find(address);
    if (--known->second == 0) open.by_address.erase(known);
  });
}

}  // namespace volta
