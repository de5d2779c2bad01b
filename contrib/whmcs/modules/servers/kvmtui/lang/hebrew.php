<?php

$_LANG['manage'] = 'ניהול המכונה הווירטואלית';
$_LANG['start'] = 'הפעלה';
$_LANG['shutdown'] = 'כיבוי';
$_LANG['reboot'] = 'הפעלה מחדש';
$_LANG['name'] = 'שם';
$_LANG['status'] = 'מצב';
$_LANG['address'] = 'כתובת IP';
$_LANG['traffic'] = 'תעבורה החודש';
$_LANG['in'] = 'נכנסת';
$_LANG['out'] = 'יוצאת';
$_LANG['unavailable'] = 'אי אפשר להגיע כעת למכונה הווירטואלית. נסו שוב מאוחר יותר.';
$_LANG['forbidden'] = 'התוכנית שלכם אינה כוללת אפשרות זו.';
$_LANG['state_running'] = 'פועלת';
$_LANG['state_stopped'] = 'כבויה';
$_LANG['state_suspended'] = 'מושעית';
$_LANG['state_installing'] = 'בהתקנה';
$_LANG['state_changing'] = 'בשינוי';
$_LANG['state_removed'] = 'הוסרה';
$_LANG['state_unknown'] = 'לא ידוע';
