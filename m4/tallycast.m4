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

# TALLYCAST_LLHTTP
# Finds llhttp by pkg-config, or else its sources, which Debian has in the package node-llhttp: then
# LLHTTP_SOURCE says where they are. Releases up to 8 have two modes, of which the strict one is built here; how a library
# of them was built can't be told, so one must be of 9 or later, which is strict unless a parser is told otherwise.
AC_DEFUN([TALLYCAST_LLHTTP], [
  PKG_CHECK_MODULES([LLHTTP], [libllhttp >= 9], [LLHTTP_SOURCE=], [
    LLHTTP_SOURCE=$with_llhttp_source/share/llhttp
    tallycast_include=$with_llhttp_source/share/include/llhttp
    AC_MSG_CHECKING([for the sources of llhttp])
    AS_IF([test -r "$LLHTTP_SOURCE/llhttp.c" && test -r "$LLHTTP_SOURCE/http.c" &&
           test -r "$LLHTTP_SOURCE/api.c" && test -r "$tallycast_include/llhttp.h"],
      [AC_MSG_RESULT([$LLHTTP_SOURCE])],
      [AC_MSG_RESULT([no])
       AC_MSG_ERROR([
  llhttp was not found, neither libllhttp >= 9 by pkg-config nor its sources; tallycast needs it for HTTP.
  On Debian or Ubuntu: apt-get install node-llhttp
  If its share directory is elsewhere: --with-llhttp-source=PREFIX])])
    LLHTTP_CFLAGS="-isystem $tallycast_include -DLLHTTP_STRICT_MODE=1"
    LLHTTP_LIBS=
  ])
  AC_SUBST([LLHTTP_SOURCE])
  AC_SUBST([LLHTTP_CFLAGS])
  AC_SUBST([LLHTTP_LIBS])
  AM_CONDITIONAL([LLHTTP_FROM_SOURCE], [test -n "$LLHTTP_SOURCE"])
])
