"""Dates and clocks: datetime, zoneinfo, calendar, time."""

import calendar
import datetime
import importlib
import time
import zoneinfo

from blockyard_sandbox.guest.facades.part import Part, pick

DATE = """ctime day fromisocalendar fromisoformat fromordinal fromtimestamp isocalendar isoformat isoweekday
max min month replace resolution strftime timetuple today toordinal weekday year"""

TIME = """dst fold fromisoformat hour isoformat max microsecond min minute replace resolution second strftime
tzinfo tzname utcoffset"""

DATETIME = f"""{DATE} {TIME} astimezone combine date now strptime time timestamp timetz utcfromtimestamp utcnow
utctimetuple"""

# Without fromutc: it is a hook for makers of time zones.
ZONE = "dst tzname utcoffset"

# Left out: setfirstweekday changes the calendar that all share.
CALENDAR = """Calendar TextCalendar calendar isleap leapdays month monthcalendar monthrange timegm weekday
weekheader"""

WEEKS = """firstweekday itermonthdates itermonthdays itermonthdays2 itermonthdays3 itermonthdays4
iterweekdays monthdatescalendar monthdays2calendar monthdayscalendar"""

# sleep spends the stage's own wall time, which is limited from outside.
CLOCK = """gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns process_time sleep
strftime strptime struct_time time time_ns"""

STRUCT = """count index n_fields tm_hour tm_isdst tm_mday tm_min tm_mon tm_sec tm_wday tm_yday tm_year tm_zone
tm_gmtoff"""


def part() -> Part:
    """Build the facades of dates."""
    importlib.import_module(
        "_strptime"
    )  # C code wants it at the first ``strptime``, in a stage's name
    days = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    return Part(
        {
            "datetime": pick(
                datetime, "MAXYEAR MINYEAR UTC date datetime time timedelta timezone tzinfo"
            ),
            # Keys are checked by the library (no way out of the folder) and the jail shows no other files.
            "zoneinfo": pick(zoneinfo, "ZoneInfo ZoneInfoNotFoundError available_timezones"),
            "calendar": {
                **pick(calendar, CALENDAR),
                "day_name": tuple(calendar.day_name),
                "day_abbr": tuple(calendar.day_abbr),
                "month_name": tuple(calendar.month_name),
                "month_abbr": tuple(calendar.month_abbr),
                **{name: number for number, name in enumerate(days)},
            },
            "time": pick(time, CLOCK),
        },
        (
            (datetime.date, DATE),
            (datetime.time, TIME),
            (datetime.datetime, DATETIME),
            (datetime.timedelta, "days max microseconds min resolution seconds total_seconds"),
            (datetime.tzinfo, ZONE),
            (datetime.timezone, f"{ZONE} max min utc"),
            (zoneinfo.ZoneInfo, f"{ZONE} key"),
            (zoneinfo.ZoneInfoNotFoundError, "add_note args"),
            (type(datetime.date(2000, 1, 1).isocalendar()), "count index week weekday year"),
            (time.struct_time, STRUCT),
            (calendar.Calendar, WEEKS),
            (calendar.TextCalendar, f"{WEEKS} formatmonth formatweek formatyear"),
        ),
    )
