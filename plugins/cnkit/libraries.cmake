# pkg-config names of what this plugin's C files are linked with.
set(PLUGIN_PACKAGES icu-uc icu-i18n)
