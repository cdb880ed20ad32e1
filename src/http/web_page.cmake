# The page, packed into http/web_assets.inc. VOLTA_WEB_DIST names a built page; without it the page is built from web/ when
# its sources change. Defines the target volta_web_page.
set(VOLTA_WEB_DIST "" CACHE PATH "Folder with the built page; empty: build it from web/ with npm")
set(WEB_DIR ${CMAKE_SOURCE_DIR}/web)
set(PAGE_TABLE ${CMAKE_BINARY_DIR}/gen/http/web_assets.inc)
set(PACK ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/pack_assets.py ${PAGE_TABLE})
set(PAGE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/pack_assets.py)
set(PAGE_DIST "")

if(VOLTA_WEB_DIST)
  file(GLOB_RECURSE PAGE_FILES CONFIGURE_DEPENDS ${VOLTA_WEB_DIST}/*)
  if(NOT PAGE_FILES)
    message(FATAL_ERROR "VOLTA_WEB_DIST names ${VOLTA_WEB_DIST}, which has no files")
  endif()
  list(APPEND PAGE_DEPENDS ${PAGE_FILES})
  set(PAGE_DIST ${VOLTA_WEB_DIST})
elseif(EXISTS ${WEB_DIR}/package.json)
  find_program(VOLTA_NODE node HINTS ${VOLTA_DEPS_DIR}/node/bin)
  find_program(VOLTA_NPM npm HINTS ${VOLTA_DEPS_DIR}/node/bin)
  if(VOLTA_NODE AND VOLTA_NPM)
    set(PAGE_DIST ${CMAKE_BINARY_DIR}/web)
    get_filename_component(NODE_BIN ${VOLTA_NODE} DIRECTORY)
    set(WITH_NODE ${CMAKE_COMMAND} -E env "PATH=${NODE_BIN}:$ENV{PATH}")
    file(GLOB_RECURSE PAGE_SOURCES CONFIGURE_DEPENDS ${WEB_DIR}/src/* ${WEB_DIR}/public/*)
    file(GLOB PAGE_SETTINGS CONFIGURE_DEPENDS ${WEB_DIR}/*.json ${WEB_DIR}/*.html ${WEB_DIR}/*.ts ${WEB_DIR}/*.js
      ${WEB_DIR}/*.mjs)
    # npm writes into web/node_modules, which all build folders share; the stamp stands there too.
    set(MODULES_STAMP ${WEB_DIR}/node_modules/.volta-installed)
    add_custom_command(OUTPUT ${MODULES_STAMP}
      COMMAND ${WITH_NODE} ${VOLTA_NPM} ci --no-audit --no-fund
      COMMAND ${CMAKE_COMMAND} -E touch ${MODULES_STAMP}
      DEPENDS ${WEB_DIR}/package.json ${WEB_DIR}/package-lock.json
      WORKING_DIRECTORY ${WEB_DIR} COMMENT "Installing what the page's build needs" VERBATIM)
    add_custom_command(OUTPUT ${PAGE_DIST}.stamp
      COMMAND ${WITH_NODE} ${VOLTA_NODE} node_modules/vite/bin/vite.js build --outDir ${PAGE_DIST} --emptyOutDir
      COMMAND ${CMAKE_COMMAND} -E touch ${PAGE_DIST}.stamp
      DEPENDS ${MODULES_STAMP} ${PAGE_SOURCES} ${PAGE_SETTINGS}
      WORKING_DIRECTORY ${WEB_DIR} COMMENT "Building the page" VERBATIM)
    list(APPEND PAGE_DEPENDS ${PAGE_DIST}.stamp)
  elseif(VOLTA_STATIC)
    message(FATAL_ERROR "The page needs node and npm: run packaging/run.sh, which brings them, or set VOLTA_WEB_DIST")
  else()
    message(WARNING "No node and npm found: this build has no page")
  endif()
endif()

add_custom_command(OUTPUT ${PAGE_TABLE}
  COMMAND ${PACK} ${PAGE_DIST}
  DEPENDS ${PAGE_DEPENDS} COMMENT "Packing the page" VERBATIM)
add_custom_target(volta_web_page DEPENDS ${PAGE_TABLE})
