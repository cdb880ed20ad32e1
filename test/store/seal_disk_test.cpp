// The n-th write or sync fails while hours are sealed, packs merged and journal rows deleted, once
// or for good: nothing is lost or there twice, in between as well as after the disk is mended.
#include <random>

#include <catch2/catch.hpp>

#include "store/fault_disk.hpp"
#include "store/seal_load.hpp"
#include "support/seed.hpp"

namespace volta {
namespace {

using test::check_model;
using test::check_tiers;
using test::FaultDisk;
using test::kHourMs;
using test::Model;
using test::SealerTest;
using test::SealLoad;

class SealDisk : public SealerTest {
 public:
  // A store of some hours, a part of them sealed, with late samples and things to merge; closed.
  void prepare(std::mt19937_64& random) {
    options.seal_slice_samples = 300;
    options.seal_slice_bytes = 1;
    options.wal_bytes = 65'536;
    options.head_bytes = 20'000;
    open();
    SealLoad load(random, *this, model);
    for (int part = 0; part < 3; ++part) {
      load.begin();
      for (int i = 0; i < 12; ++i) {
        load.send();
        clock.advance(std::chrono::seconds(random() % 300));
      }
      if (part < 2) store->seal_due();
    }
    store.reset();
    std::filesystem::rename(options.directory, start());
  }
  void begin_anew() {
    store.reset();
    std::filesystem::remove_all(options.directory);
    std::filesystem::copy(start(), options.directory, std::filesystem::copy_options::recursive);
    open();
  }
  void check_all() const {
    check_model(*this, model, INT64_MIN, INT64_MAX);
    check_tiers(*this, model);
  }
  // Whether everything went well.
  [[nodiscard]] bool work() const {
    bool well = true;
    const auto attempt = [&](const auto& what) {
      try {
        what();
      } catch (const Failure&) {
        well = false;
      }
    };
    attempt([&] { store->seal_due(); });
    attempt([&] { store->seal_all(); });
    attempt([&] { store->maintain(); });
    return well;
  }

  Model model;

 private:
  [[nodiscard]] std::filesystem::path start() const {
    return options.directory.parent_path() / "start";
  }
};

TEST_CASE_METHOD(SealDisk, "sealing survives a disk that fails at any write or sync") {
  const unsigned seed = test::random_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  prepare(random);
  FaultDisk disk;
  for (const auto fault : {FaultDisk::Fault::write_once, FaultDisk::Fault::write_for_good,
                           FaultDisk::Fault::full_for_good, FaultDisk::Fault::sync_once,
                           FaultDisk::Fault::sync_for_good}) {
    CAPTURE(static_cast<int>(fault));
    int faults = 0;
    for (int n = 1;; n += 1 + static_cast<int>(random() % 30)) {
      CAPTURE(n);
      begin_anew();
      disk.break_at(fault, n);
      const bool well = work();
      const int hits = disk.hits();
      check_all();  // of what may have come to no end
      disk.mend();
      while (!store->writable()) store->maintain();
      REQUIRE(work());
      check_all();
      reopen();
      store->seal_all();
      CHECK(count("SELECT count(*) FROM journal") == 0);
      CHECK(count("SELECT count(*) FROM keyframe") == 0);
      check_all();
      CHECK(store->check().problems.empty());
      if (hits == 0) {
        CHECK(well);
        break;
      }
      ++faults;
    }
    CHECK(faults >= 3);
  }
  store.reset();
}

}  // namespace
}  // namespace volta
