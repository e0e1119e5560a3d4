# TALLYCAST_REQUIRE(PREFIX, MODULES, DEBIAN-PACKAGE, WHAT-FOR)
# Finds a library by pkg-config, or stops and says what to install.
AC_DEFUN([TALLYCAST_REQUIRE], [
  PKG_CHECK_MODULES([$1], [$2], [], [AC_MSG_ERROR([
  $2 was not found; tallycast needs it for $4.
  On Debian or Ubuntu: apt-get install $3
  If it is installed elsewhere, add its pkgconfig directory to PKG_CONFIG_PATH.])])
])

# TALLYCAST_TRY_LINK(FLAGS, PROGRAM, IF-NOT, [IF-SO])
# Runs IF-SO if PROGRAM compiles and links with FLAGS, else IF-NOT.
AC_DEFUN([TALLYCAST_TRY_LINK], [
  AC_MSG_CHECKING([whether $CC takes $1])
  tallycast_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $1"
  AC_LINK_IFELSE([AC_LANG_SOURCE([$2])],
    [CFLAGS=$tallycast_saved_CFLAGS; AC_MSG_RESULT([yes])
     $4],
    [CFLAGS=$tallycast_saved_CFLAGS; AC_MSG_RESULT([no])
     $3])
])
