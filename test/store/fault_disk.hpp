// A disk that fails when it is told to: a layer between SQLite and its files, which is the default
// of the process as long as it lives. One at a time, and only for connections opened meanwhile.
#pragma once

#include <atomic>
#include <cstring>
#include <new>

#include <catch2/catch.hpp>
#include <sqlite3.h>

namespace volta::test {

class FaultDisk {
 public:
  enum class Fault { write_once, write_for_good, full_for_good, sync_once, sync_for_good };

  FaultDisk() : disk_(sqlite3_vfs_find(nullptr)) {
    layer_ = *disk_;
    layer_.zName = "fault";
    layer_.pAppData = disk_;
    layer_.szOsFile = static_cast<int>(sizeof(File)) + disk_->szOsFile;
    layer_.xOpen = open;
    REQUIRE(sqlite3_vfs_register(&layer_, 1) == SQLITE_OK);
  }
  FaultDisk(const FaultDisk&) = delete;
  FaultDisk& operator=(const FaultDisk&) = delete;
  ~FaultDisk() {
    mend();
    sqlite3_vfs_unregister(&layer_);
    sqlite3_vfs_register(disk_, 1);
  }

  // The n-th write (or sync) from here on fails, n from 1.
  void break_at(Fault fault, int n) {
    state().fault = fault;
    state().hits = 0;
    state().writes = state().syncs = 0;
    state().left = n;
  }
  // Reads that touch this byte of a database fail.
  void break_reads(std::size_t at) { state().bad_at = static_cast<sqlite3_int64>(at); }
  void mend() {
    state().left = 0;
    state().bad_at = -1;
  }
  // How often it failed since break_at().
  [[nodiscard]] int hits() const { return state().hits; }
  // How many operations of the fault's kind there were since break_at().
  [[nodiscard]] int operations(Fault fault) const {
    return of_syncs(fault) ? state().syncs : state().writes;
  }

 private:
  struct State {
    std::atomic<int> left{0};  // 0: whole
    std::atomic<int> hits{0};
    std::atomic<int> writes{0};
    std::atomic<int> syncs{0};
    std::atomic<sqlite3_int64> bad_at{-1};  // of databases; -1: none
    std::atomic<Fault> fault{Fault::write_once};
  };
  static State& state() {
    static State one;
    return one;
  }
  struct File {
    sqlite3_file base;
    sqlite3_io_methods methods;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

  static bool of_syncs(Fault fault) {
    return fault == Fault::sync_once || fault == Fault::sync_for_good;
  }
  static int fails(bool sync) {
    State& now = state();
    ++(sync ? now.syncs : now.writes);
    if (now.left == 0) return SQLITE_OK;
    const Fault fault = now.fault;
    if (of_syncs(fault) != sync) return SQLITE_OK;
    const bool once = fault == Fault::write_once || fault == Fault::sync_once;
    const int left = now.left;
    if (left > 1) {
      now.left = left - 1;
      return SQLITE_OK;
    }
    if (once) now.left = 0;
    ++now.hits;
    if (fault == Fault::full_for_good) return SQLITE_FULL;
    return sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
  }

  static int open(sqlite3_vfs* layer, const char* name, sqlite3_file* file, int flags, int* out) {
    auto* disk = static_cast<sqlite3_vfs*>(layer->pAppData);
    auto* mine = new (file) File();
    const int code = disk->xOpen(disk, name, mine->real(), flags, out);
    if (mine->real()->pMethods == nullptr) return code;
    mine->methods = *mine->real()->pMethods;
    set_methods(mine->methods);
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) mine->methods.xRead = read_database;
    mine->base.pMethods = &mine->methods;
    return code;
  }
  static int read_database(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
    const sqlite3_int64 bad = state().bad_at;
    if (bad >= at && bad < at + size) return SQLITE_IOERR_READ;
    return real(f)->pMethods->xRead(real(f), data, size, at);
  }
  static void set_methods(sqlite3_io_methods& m) {
    m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
    m.xRead = [](sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
      return real(f)->pMethods->xRead(real(f), data, size, at);
    };
    m.xWrite = [](sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
      const int code = fails(false);
      return code != SQLITE_OK ? code : real(f)->pMethods->xWrite(real(f), data, size, at);
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      const int code = fails(false);
      return code != SQLITE_OK ? code : real(f)->pMethods->xTruncate(real(f), size);
    };
    m.xSync = [](sqlite3_file* f, int flags) {
      const int code = fails(true);
      return code != SQLITE_OK ? code : real(f)->pMethods->xSync(real(f), flags);
    };
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return real(f)->pMethods->xFileSize(real(f), size);
    };
    m.xLock = [](sqlite3_file* f, int lock) { return real(f)->pMethods->xLock(real(f), lock); };
    m.xUnlock = [](sqlite3_file* f, int lock) { return real(f)->pMethods->xUnlock(real(f), lock); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return real(f)->pMethods->xCheckReservedLock(real(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* argument) {
      return real(f)->pMethods->xFileControl(real(f), op, argument);
    };
    m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) {
      return real(f)->pMethods->xDeviceCharacteristics(real(f));
    };
    m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
    };
    m.xShmLock = [](sqlite3_file* f, int at, int n, int flags) {
      return real(f)->pMethods->xShmLock(real(f), at, n, flags);
    };
    m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int remove) {
      return real(f)->pMethods->xShmUnmap(real(f), remove);
    };
    m.xFetch = [](sqlite3_file* f, sqlite3_int64 at, int size, void** out) {
      return real(f)->pMethods->xFetch(real(f), at, size, out);
    };
    m.xUnfetch = [](sqlite3_file* f, sqlite3_int64 at, void* page) {
      return real(f)->pMethods->xUnfetch(real(f), at, page);
    };
  }

  sqlite3_vfs* disk_;
  sqlite3_vfs layer_{};
};

}  // namespace volta::test
