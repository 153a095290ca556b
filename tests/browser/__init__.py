"""Tests in Debian's Chromium, driven through ChromeDriver."""
